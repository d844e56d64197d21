package durable_rules

import rego.v1

# Finds in any template what makes a durable function fail at deploy, at its first start, or at the next deploy.
# It sees L1 constructs, escape hatches and included templates too. `input.resources[name]` has the resolved
# properties, and the references in both directions with the property path they come from.

# --- Which functions are durable, and how others point at them -----------------------------------------------------

durable contains name if {
	some name in resources_of_type("AWS::Lambda::Function")
	input.resources[name].properties.DurableConfig
}

# A direct reference to the function itself: `Ref` gives its name, `GetAtt Arn` its unqualified ARN.
points_at_function(edge) if {
	edge.target in durable
	edge.kind == "Ref"
}

points_at_function(edge) if {
	edge.target in durable
	edge.kind == "GetAtt"
	edge.attr == "Arn"
}

# Where a function is named to be invoked, by type: a pattern for the property path.
invokers := {
	"AWS::Lambda::EventSourceMapping": `^Properties\.FunctionName$`,
	"AWS::Lambda::Permission": `^Properties\.FunctionName$`,
	"AWS::Events::Rule": `^Properties\.Targets\.\d+\.Arn$`,
	"AWS::Scheduler::Schedule": `^Properties\.Target\.Arn$`,
	"AWS::SNS::Subscription": `^Properties\.Endpoint$`,
	"AWS::ApiGatewayV2::Integration": `^Properties\.IntegrationUri$`,
	"AWS::S3::Bucket": `^Properties\.NotificationConfiguration\.LambdaConfigurations\.\d+\.Function$`,
	"AWS::Logs::SubscriptionFilter": `^Properties\.DestinationArn$`,
	"AWS::Cognito::UserPool": `^Properties\.LambdaConfig\.`,
	"AWS::IoT::TopicRule": `^Properties\.TopicRulePayload\.Actions\.\d+\.Lambda\.FunctionArn$`,
	"AWS::AppSync::DataSource": `^Properties\.LambdaConfig\.LambdaFunctionArn$`,
	"AWS::Pipes::Pipe": `^Properties\.(Target|Enrichment)$`,
	"Custom::S3BucketNotifications": `^Properties\.NotificationConfiguration\.LambdaFunctionConfigurations\.\d+\.LambdaFunctionArn$`,
}

unqualified := "A durable function cannot be invoked by its unqualified ARN: the service answers InvalidParameterValueException. Name its alias or a published version; a DurableFunction is its alias."

# DURABLE-001: something invokes the unqualified function.
violation contains v if {
	some name, resource in input.resources
	pattern := invokers[resource.resourceType]
	some edge in resource.outgoingRefs
	points_at_function(edge)
	regex.match(pattern, edge.sourcePath)
	v := make_diag_at("DURABLE-001", "ERROR", name, edge.sourcePath, unqualified)
}

# … a function URL without a qualifier
violation contains v if {
	some name in resources_of_type("AWS::Lambda::Url")
	some edge in input.resources[name].outgoingRefs
	points_at_function(edge)
	edge.sourcePath == "Properties.TargetFunctionArn"
	not qualified(name)
	v := make_diag_at("DURABLE-001", "ERROR", name, edge.sourcePath, unqualified)
}

qualified(name) if input.resources[name].properties.Qualifier != "$LATEST"

# … a REST API, whose URI is joined from parts: what follows the ARN says whether there is a qualifier
violation contains v if {
	some name in resources_of_type("AWS::ApiGateway::Method")
	some target in durable
	contains(input.resources[name].properties.Integration.Uri.__dynamic, sprintf("{ref:%s}/", [target]))
	v := make_diag_at("DURABLE-001", "ERROR", name, "Properties.Integration.Uri", unqualified)
}

# --- Versions ------------------------------------------------------------------------------------------------------

function_of(name) := target if {
	some edge in input.resources[name].outgoingRefs
	edge.sourcePath == "Properties.FunctionName"
	edge.target in durable
	target := edge.target
}

published contains function_of(name) if some name in resources_of_type("AWS::Lambda::Version")

retained(resource) if resource.deletionPolicy in {"Retain", "RetainExceptOnCreate"}

# DURABLE-002: the next deploy deletes the version that open executions need.
violation contains v if {
	some name in resources_of_type("AWS::Lambda::Version")
	function_of(name)
	not retained(input.resources[name])
	v := make_diag_at("DURABLE-002", "ERROR", name, "DeletionPolicy", "The next deploy deletes this version, and executions end on the version they started on: the open ones fail. Set DeletionPolicy Retain: current_version_options=VersionOptions(removal_policy=RemovalPolicy.RETAIN), or use DurableFunction.")
}

# DURABLE-003: a version that is published once and never again.
violation contains v if {
	some name in resources_of_type("AWS::Lambda::Version")
	function_of(name)
	not regex.match(`[0-9a-f]{32}$`, name)
	not input.resources[name].properties.CodeSha256
	v := make_diag_at("DURABLE-003", "WARN", name, "Properties", "A version with a fixed logical id is published once: later deploys change $LATEST only and the alias stays behind. Use function.current_version, or DurableFunction.")
}

# DURABLE-004: nothing that could be invoked.
violation contains v if {
	some name in durable
	not name in published
	v := make_diag_at("DURABLE-004", "WARN", name, "Properties.DurableConfig", "This durable function has no published version in its stack, so callers have no qualified ARN but $LATEST, whose code changes under open executions. Publish a version and an alias, or use DurableFunction.")
}

# --- Limits --------------------------------------------------------------------------------------------------------

waits_too_long(name) if input.resources[name].properties.DurableConfig.ExecutionTimeout > 900

behind(edge) := edge.target if edge.target in durable

behind(edge) := function_of(edge.target) if {
	input.resources[edge.target].resourceType in {"AWS::Lambda::Alias", "AWS::Lambda::Version"}
}

# DURABLE-005: an event source waits for the whole execution.
violation contains v if {
	some name in resources_of_type("AWS::Lambda::EventSourceMapping")
	some edge in input.resources[name].outgoingRefs
	startswith(edge.sourcePath, "Properties.FunctionName") # `NAME:live` is a join
	waits_too_long(behind(edge))
	v := make_diag_at("DURABLE-005", "ERROR", name, "Properties.FunctionName", "An event source mapping waits for the whole execution, so Lambda refuses it when ExecutionTimeout is above 900 s (15 minutes). Start executions asynchronously in between: AsyncStarter does.")
}

# DURABLE-013: a queue delivers a message again while the function may still work on it.
violation contains v if {
	some name in resources_of_type("AWS::Lambda::EventSourceMapping")
	some edge in input.resources[name].outgoingRefs
	startswith(edge.sourcePath, "Properties.FunctionName")
	timeout := object.get(input.resources[behind(edge)].properties, "Timeout", 3) # the service's default
	some source in input.resources[name].outgoingRefs
	startswith(source.sourcePath, "Properties.EventSourceArn")
	input.resources[source.target].resourceType == "AWS::SQS::Queue"
	visible := object.get(input.resources[source.target].properties, "VisibilityTimeout", 30) # the service's default
	is_number(timeout)
	is_number(visible)
	visible < timeout
	v := make_diag_at("DURABLE-013", "ERROR", name, "Properties.EventSourceArn", sprintf("The queue's VisibilityTimeout is %v s and the function's Timeout %v s. Lambda maps no queue whose messages become visible again before the function's timeout: raise the one, or lower the other.", [visible, timeout]))
}

# DURABLE-006: a function timeout that no phase fits into.
violation contains v if {
	some name in durable
	timeout := object.get(input.resources[name].properties, "Timeout", 3) # the service's default
	is_number(timeout)
	timeout < 10
	v := make_diag_at("DURABLE-006", "WARN", name, "Properties.Timeout", sprintf("Timeout is %v s. It has to cover the longest phase between two suspensions, with a cold start and the replay of the history.", [timeout]))
}

# DURABLE-007: a name that blocks replacement.
violation contains v if {
	some name in durable
	input.resources[name].properties.FunctionName
	v := make_diag_at("DURABLE-007", "WARN", name, "Properties.FunctionName", "A function with a fixed name cannot be replaced, and adding or removing durability replaces it: that deploy will fail. Leave the name to CloudFormation.")
}

# DURABLE-008: a runtime without durable functions.
violation contains v if {
	some name in durable
	runtime := input.resources[name].properties.Runtime
	regex.match(`^python3\.([0-9]|1[0-2])$`, runtime)
	v := make_diag_at("DURABLE-008", "WARN", name, "Properties.Runtime", sprintf("Lambda offers durable functions on python3.13 and later; this is %v.", [runtime]))
}

# --- Permissions ---------------------------------------------------------------------------------------------------

role_of(name) := edge.target if {
	some edge in input.resources[name].outgoingRefs
	edge.sourcePath == "Properties.Role"
	input.resources[edge.target].resourceType == "AWS::IAM::Role"
}

as_list(value) := value if is_array(value)

as_list(value) := [value] if not is_array(value)

allows_checkpoints(document) if {
	some statement in as_list(document.Statement)
	statement.Effect == "Allow"
	some action in as_list(statement.Action)
	pattern := concat("", ["^", replace(replace(lower(action), "*", ".*"), "?", "."), "$"])
	regex.match(pattern, "lambda:checkpointdurableexecution")
}

may_checkpoint(role) if {
	some arn in input.resources[role].properties.ManagedPolicyArns
	is_string(arn)
	regex.match(`(DurableExecution|AdministratorAccess|PowerUserAccess|AWSLambda_FullAccess)`, arn)
}

# A managed policy from elsewhere cannot be looked into, so it counts as granting.
may_checkpoint(role) if {
	some arn in input.resources[role].properties.ManagedPolicyArns
	not is_string(arn)
}

may_checkpoint(role) if {
	some policy in input.resources[role].properties.Policies
	allows_checkpoints(policy.PolicyDocument)
}

may_checkpoint(role) if {
	some edge in input.resources[role].incomingRefs
	input.resources[edge.source].resourceType in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"}
	allows_checkpoints(input.resources[edge.source].properties.PolicyDocument)
}

# DURABLE-009: the role cannot record anything.
violation contains v if {
	some name in durable
	role := role_of(name)
	not may_checkpoint(role)
	v := make_diag_at("DURABLE-009", "ERROR", name, "Properties.Role", sprintf("The role %v allows neither lambda:CheckpointDurableExecution nor lambda:GetDurableExecutionState: the first checkpoint fails with AccessDenied. Allow both on the function's ARN with `:*`, or use DurableFunction, which also extends roles you supply.", [role]))
}

# DURABLE-010: a grant that never matches an execution, whose ARN is …:function:NAME:VERSION/durable-execution/….
violation contains v if {
	some name, resource in input.resources
	resource.resourceType in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
	some i, statement in as_list(resource.properties.PolicyDocument.Statement)
	some action in as_list(statement.Action)
	regex.match(`^lambda:(SendDurableExecution|GetDurableExecution|StopDurable|PauseDurable|ResumeDurable|DeleteDurable|CheckpointDurable)`, action)
	resources := as_list(statement.Resource)
	count([each | some each in resources; not only_a_function(each)]) == 0
	v := make_diag_at("DURABLE-010", "ERROR", name, sprintf("Properties.PolicyDocument.Statement.%d.Resource", [i]), sprintf("%v is checked against the execution's ARN, which names a version: neither the unqualified ARN nor the alias's ever matches. Allow it on the function's ARN with `:*`, or use grant_callbacks() and its siblings.", [action]))
}

only_a_function(value) if value.__ref in durable

only_a_function(value) if input.resources[value.__ref].resourceType == "AWS::Lambda::Alias"

# --- Asynchronous invocation ---------------------------------------------------------------------------------------

invoke_configs contains name if {
	some name in resources_of_type("AWS::Lambda::EventInvokeConfig")
	function_of(name)
}

# DURABLE-011: settings for a qualifier that nobody should invoke.
violation contains v if {
	some name in invoke_configs
	input.resources[name].properties.Qualifier == "$LATEST"
	v := make_diag_at("DURABLE-011", "WARN", name, "Properties.Qualifier", "These settings are for $LATEST, and callers use the alias: they have no effect. Call configure_async_invoke() on the alias; a DurableFunction takes retry_attempts and max_event_age.")
}

# DURABLE-012: destinations do not work.
violation contains v if {
	some name in invoke_configs
	input.resources[name].properties.DestinationConfig
	v := make_diag_at("DURABLE-012", "ERROR", name, "Properties.DestinationConfig", "Durable functions do not support destinations. Use a dead-letter queue, or the status events on EventBridge: on_execution_status_change() of DurableFunction.")
}
