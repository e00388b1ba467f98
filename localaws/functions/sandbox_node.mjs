// Runs inside a sandbox: loads a function's handler as AWS's Node runtime does, and serves its invocations.
//
// It speaks the Runtime API by itself, since AWS's own client for Node has a part that is to be compiled:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. What a handler sees (context, callback, errors, lines
// of the log) is as https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html says.
// Arguments: the handler, the function's folder, the folder of AWS's SDK, then its layers' folders.

import http from "node:http";
import path from "node:path";
import fs from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { beginRequest, told, writeError } from "./sandbox_node_log.mjs";
import { holdPackages, missing } from "./sandbox_node_packages.mjs";
import "./sandbox_node_endpoint.mjs";

const [handlerName, taskRoot, sdk, ...layers] = process.argv.slice(2);
const [authority, secret] = process.env.AWS_LAMBDA_RUNTIME_API.split("/");
// The first version of Node for which AWS takes no callbacks.
const hasCallbacks = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)[1]) < 24;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const requireHere = createRequire(import.meta.url);
// The handler may replace these, and its log is not to change what the runtime does.
const { request: plainRequest } = http;
const { exit } = process;

holdPackages(taskRoot, layers, sdk);

// ---- the Runtime API

function call(method, rest, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const [hostname, port] = authority.split(":");
    const content = body === undefined ? undefined : Buffer.from(body);
    const given = content === undefined ? headers : { ...headers, "content-length": content.length };
    const asked = plainRequest(
      { method, hostname, port, path: `/${secret}/2018-06-01${rest}`, headers: given, agent },
      (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts) }));
        answer.on("error", reject);
      },
    );
    asked.on("error", reject);
    asked.end(content);
  });
}

globalThis.awslambda = {
  streamifyResponse() {
    throw new Error("awslambda.streamifyResponse: responses are not streamed by the local AWS");
  },
};

// ---- the handler

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = `Runtime.${name}`;
  }
}

async function load() {
  const [, folder, name] = /^(.*\/)?([^/]*)$/.exec(handlerName);
  const parts = /^([^.]*)\.(.*)$/.exec(name);
  if (parts === null || handlerName.includes("..")) {
    throw new RuntimeError("MalformedHandlerName", "Bad handler");
  }
  const [, module_, exported] = parts;
  const loaded = await loadModule(path.resolve(taskRoot, folder ?? "", module_), module_);
  let found = exported.split(".").reduce((inside, each) => inside?.[each], loaded);
  found ??= exported.split(".").reduce((inside, each) => inside?.[each], loaded.default);
  if (found === undefined) {
    throw new RuntimeError("HandlerNotFound", `${handlerName} is undefined or not exported`);
  }
  if (typeof found !== "function") throw new RuntimeError("HandlerNotFound", `${handlerName} is not a function`);
  if (!hasCallbacks && found.length >= 3) {
    throw new RuntimeError(
      "CallbackHandlerDeprecated",
      "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need " +
        "to modify this function to use a supported handler signature to use Node.js 24 or later. For more " +
        "information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
    );
  }
  return found;
}

async function loadModule(file, name) {
  const isModule = typeOf(path.dirname(file)) === "module";
  const tried = [
    ["", false], [".js", isModule], [".mjs", true], [".cjs", false],
  ];
  for (const [ending, imported] of tried) {
    const found = `${file}${ending}`;
    if (!fs.existsSync(found) || !fs.statSync(found).isFile()) continue;
    try {
      return imported ? await import(pathToFileURL(found).href) : requireHere(found);
    } catch (error) {
      if (error instanceof SyntaxError) throw renamed("UserCodeSyntaxError", error);
      if (missing(error)) throw renamed("ImportModuleError", error);
      throw error;
    }
  }
  throw new RuntimeError("ImportModuleError", `Error: Cannot find module '${name}'`);
}

function renamed(name, error) {
  const made = new RuntimeError(name, `${error.name}: ${error.message}`);
  made.stack = `${made.name}: ${error.stack ?? error.message}`;
  return made;
}

function typeOf(folder) {
  for (let at = folder; at.startsWith(taskRoot); at = path.dirname(at)) {
    const described = path.join(at, "package.json");
    if (fs.existsSync(described)) return JSON.parse(fs.readFileSync(described, "utf8")).type;
  }
  return undefined;
}

// ---- invocations

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const env = process.env;
  return {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// Give a context the ways to answer that it has beside the callback.
function withAnswers(context, settle) {
  const ways = {
    done: (error, result) => settle(error, result),
    succeed: (result) => settle(null, result),
    fail: (error) => settle(error ?? "handled"),
  };
  context.callbackWaitsForEmptyEventLoop = true;
  for (const [name, answer] of Object.entries(ways)) {
    // What was answered by these waits for nothing, as the callback does where it is told so.
    context[name] = (...given) => {
      context.callbackWaitsForEmptyEventLoop = false;
      answer(...given);
    };
  }
}

function run(handler, event, headers) {
  return new Promise((resolve) => {
    let answered = null;
    const ended = () => resolve(answered ?? { result: null });
    const finish = (outcome, waits) => {
      answered ??= outcome;
      if (!waits) {
        process.removeListener("beforeExit", ended);
        resolve(answered);
      }
    };
    const context = contextOf(headers);
    const settle = (error, result) => {
      const failed = error !== null && error !== undefined;
      finish(failed ? { error } : { result }, context.callbackWaitsForEmptyEventLoop && !failed);
    };
    if (hasCallbacks) withAnswers(context, settle);
    // With nothing left to wait for, no answer can come any more.
    process.once("beforeExit", ended);
    try {
      const returned = hasCallbacks ? handler(event, context, settle) : handler(event, context);
      if (typeof returned?.then === "function") {
        returned.then((result) => finish({ result }, false), (error) => finish({ error }, false));
      } else if (!hasCallbacks) {
        finish({ result: returned }, false);
      }
    } catch (error) {
      finish({ error }, false);
    }
  });
}

async function answer(id, outcome) {
  let body;
  if (!("error" in outcome)) {
    try {
      body = JSON.stringify(outcome.result === undefined ? null : outcome.result) ?? "null";
    } catch (error) {
      outcome = { error: new RuntimeError("MarshalError", `Unable to stringify response body: ${error}`) };
    }
  }
  if (body !== undefined) {
    await call("POST", `/runtime/invocation/${id}/response`, body, { "content-type": "application/json" });
    return;
  }
  writeError("Invoke Error", outcome.error);
  const failure = told(outcome.error);
  await call("POST", `/runtime/invocation/${id}/error`, JSON.stringify(failure), {
    "content-type": "application/json",
    "lambda-runtime-function-error-type": encodeURIComponent(failure.errorType),
  });
}

// Tell of an error that nothing waits for, and end: the next invocation gets a new process.
async function die(kind, error, status) {
  writeError(kind, error);
  const where = requestId === undefined ? "/runtime/init/error" : `/runtime/invocation/${requestId}/error`;
  await call("POST", where, JSON.stringify(told(error)), { "content-type": "application/json" });
  exit(requestId === undefined ? 1 : status);
}

process.on("uncaughtException", (error) => die("Uncaught Exception", error, 129));
process.on("unhandledRejection", (reason) => {
  const { errorType, errorMessage, trace } = told(reason);
  const isError = reason instanceof Error;
  const error = new RuntimeError("UnhandledPromiseRejection", isError ? `${errorType}: ${errorMessage}` : errorMessage);
  if (isError) error.stack = `${error.name}: ${trace.join("\n")}`;
  die("Unhandled Promise Rejection", error, 128);
});

let requestId;
let handler;
try {
  handler = await load();
} catch (error) {
  await die("Uncaught Exception", error, 1);
}
for (;;) {
  const { headers, body } = await call("GET", "/runtime/invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  beginRequest(requestId);
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
  await answer(requestId, await run(handler, JSON.parse(body.toString()), headers));
}
