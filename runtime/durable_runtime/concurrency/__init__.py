"""What map and parallel return; a module of this name exists in AWS's SDK."""
