"""Has a stack read the outputs of others anew at each deployment, also where its own template stays the same."""

from __future__ import annotations

from aws_cdk import CfnParameter, CfnRule, CfnRuleAssertion, Fn, Stack

__all__ = ["read_outputs_anew"]


def read_outputs_anew(stack: Stack) -> None:
    """Have the CDK CLI make a change set for ``stack`` at each deployment; it deletes one that changes nothing.

    What a stack reads of another (``Fn::GetStackOutput``) is read when it is updated, and the CLI passes over a stack
    whose template is the same: of data that were made anew, it would keep the old names. It passes over none that has a
    parameter of Parameter Store, but for those with ``[cdk:skip]``. The one that is taken is there in any case:
    https://github.com/aws/aws-cdk-cli/blob/main/packages/@aws-cdk/toolkit-lib/lib/api/cloudformation/cfn-api.ts
    """
    there = CfnParameter(
        stack,
        "ReadAnew",
        type="AWS::SSM::Parameter::Value<String>",
        default=f"/cdk-bootstrap/{stack.synthesizer.bootstrap_qualifier}/version",
        description="With it the CDK CLI looks at each deployment for changed outputs of other stacks",
    )
    # Something has to take its value, and no resource may change with it.
    empty = Fn.condition_equals(there.value_as_string, "")
    holds = CfnRuleAssertion(assert_=Fn.condition_not(empty), assert_description="CDK's bootstrap has a version")
    CfnRule(stack, "ReadsAnew", assertions=[holds])
