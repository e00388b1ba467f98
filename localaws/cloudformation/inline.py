"""The bundle that CloudFormation makes of a function's inline code: one module, and what answers it a custom resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/cfn-lambda-function-code-cfnresponsemodule.html
"""

from __future__ import annotations

import io
import zipfile

#: A fixed date, so the same code has the same hash.
_DATE = (1980, 1, 1, 0, 0, 0)

_PYTHON = '''\
"""Answers CloudFormation for a custom resource."""
import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(answer).encode()
    asked = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"content-type": ""})
    with urllib.request.urlopen(asked) as answered:
        print("Status code:", answered.status)
'''

_NODE = """\
// Answers CloudFormation for a custom resource.
const https = require("https");
exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";
exports.send = (event, context, status, data, physicalId, noEcho) => new Promise((resolve, reject) => {
  const body = JSON.stringify({
    Status: status,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: data,
  });
  const { hostname, pathname, search } = new URL(event.ResponseURL);
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  const asked = https.request({ hostname, path: pathname + search, method: "PUT", headers }, (answer) => {
    answer.resume();
    resolve(context.done?.());
  });
  asked.on("error", (error) => reject(context.done ? context.done(error) : error));
  asked.end(body);
});
"""


def zipped(source: str, runtime: str) -> bytes:
    """Return the zip of inline code for a runtime: one module named ``index``, and ``cfn-response`` beside it."""
    if runtime.startswith("nodejs"):
        files = {"index.js": source, "node_modules/cfn-response.js": _NODE}
    else:
        files = {"index.py": source, "cfnresponse.py": _PYTHON}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return buffer.getvalue()
