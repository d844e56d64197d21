"""What runs behind an `ApprovalApi`, in Lambda."""
