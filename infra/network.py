"""Puts functions and the Spark job into the private subnets that an environment names, with what that needs of rights.

Which endpoints the network must have stands in docs/how-to/environment.md.
"""

from __future__ import annotations

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from sluice.vpc import Vpc

from . import grants

#: What Lambda does under a function's role to connect it: the policy AWSLambdaVPCAccessExecutionRole. Lambda asks
#: beforehand whether the role may, and of all but the first for everything: a narrower right may be none to it.
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
_MAKE = "ec2:CreateNetworkInterface"
_KEEP = ("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses")
_LOOK = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")
#: What Glue does so under the job's role, of the policy AWSGlueServiceRole.
_GLUE_LOOK = (
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeVpcEndpoints",
)
_GLUE_TAG = "aws-glue-service-resource"


def place_function(function: lambda_.Function, vpc: Vpc) -> None:
    """Have ``function`` run in the network; its own code may use none of the rights that connect it."""
    made, role = function.node.default_child, function.role
    assert isinstance(made, lambda_.CfnFunction)
    assert role is not None
    made.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        subnet_ids=list(vpc.subnets), security_group_ids=list(vpc.security_groups)
    )
    stack = Stack.of(function)
    grants.allow(role, [_MAKE], _interfaces(stack, list(vpc.subnets), vpc))
    grants.allow(role, [*_KEEP, *_LOOK], ["*"])
    # The key is there when the call is the function's own, and is not when Lambda makes it.
    own_code = iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=[_MAKE, *_KEEP, *_LOOK],
        resources=["*"],
        conditions={"Null": {"lambda:SourceFunctionArn": "false"}},
    )
    role.add_to_principal_policy(own_code)


def connection(stack: Stack, role: iam.IRole, vpc: Vpc) -> glue.CfnConnection:
    """Return the connection by which a Glue job of ``role`` runs in the network's first subnet."""
    subnet, zone = next(iter(vpc.subnets.items()))
    made = glue.CfnConnection(
        stack,
        "SparkConnection",
        catalog_id=stack.account,
        connection_input=glue.CfnConnection.ConnectionInputProperty(
            connection_type="NETWORK",
            description="The private subnet that Spark jobs run in",
            # The zone follows from the subnet, and Glue wants it all the same.
            physical_connection_requirements=glue.CfnConnection.PhysicalConnectionRequirementsProperty(
                availability_zone=zone, subnet_id=subnet, security_group_id_list=list(vpc.security_groups)
            ),
        ),
    )
    # The zone is the declared subnet's.
    made.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3010"]}})
    zoned = Acknowledgment(id="CloudFormation-Validate::W3010", reason="It is the zone of the subnet that is declared.")
    Validations.of(made).acknowledge(zoned)
    grants.allow(role, [_MAKE], _interfaces(stack, [subnet], vpc))
    grants.allow(role, ["ec2:DeleteNetworkInterface"], _interfaces(stack, [], None))
    grants.allow(role, _GLUE_LOOK, ["*"])
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["ec2:CreateTags", "ec2:DeleteTags"],
            resources=_interfaces(stack, [], None),
            conditions={"ForAllValues:StringEquals": {"aws:TagKeys": [_GLUE_TAG]}},
        )
    )
    at = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
    grants.allow(role, ["glue:GetConnection"], [f"{at}:catalog", f"{at}:connection/{made.ref}"])
    return made


def _interfaces(stack: Stack, subnets: list[str], vpc: Vpc | None) -> list[str]:
    """Return the ARNs of all network interfaces, which AWS names, with those of subnets and of the groups."""
    groups = vpc.security_groups if vpc else ()
    parts = ["network-interface/*", *(f"subnet/{each}" for each in subnets), *(f"security-group/{g}" for g in groups)]
    return [f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:{part}" for part in parts]
