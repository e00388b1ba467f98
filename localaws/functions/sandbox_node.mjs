// Runs inside a sandbox: loads a function's handler as AWS's Node runtime does, and serves its invocations.
//
// It speaks the Runtime API by itself, since AWS's own client for Node has a part that is to be compiled:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. What a handler sees (context, callback, errors, lines
// of the log) is as https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html says.
// Arguments: the handler, the function's folder, then the folders that `require` searches.

import http from "node:http";
import https from "node:https";
import path from "node:path";
import fs from "node:fs";
import util from "node:util";
import { createRequire, registerHooks, syncBuiltinESMExports } from "node:module";
import { pathToFileURL } from "node:url";

const [handlerName, taskRoot, ...searched] = process.argv.slice(2);
const { AWS_LAMBDA_RUNTIME_API: api, AWS_ENDPOINT_URL: endpoint } = process.env;
const [authority, secret] = api.split("/");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const requireHere = createRequire(import.meta.url);
// The handler may replace these, and its log is not to change what the runtime does.
const { request: plainRequest } = http;
const { stdout, exit } = process;

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

function told(error) {
  if (util.types.isNativeError(error) || error instanceof Error) {
    return {
      errorType: String(error.name),
      errorMessage: String(error.message),
      trace: String(error.stack ?? "").split("\n"),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function logged(error) {
  if (!(error instanceof Error)) return JSON.stringify(told(error));
  const { errorType, errorMessage, trace } = told(error);
  return JSON.stringify({ errorType, errorMessage, ...error, stack: trace });
}

// ---- the log

let requestId = "undefined";
const json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const least = levels.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? (json ? "INFO" : "TRACE")).toUpperCase());

function write(level, parts) {
  if (json && levels.indexOf(level) < least) return;
  const timestamp = new Date().toISOString();
  if (json) {
    const message = parts.length === 1 && typeof parts[0] !== "string" ? parts[0] : util.format(...parts);
    const shown = message instanceof Error ? { ...told(message) } : message;
    stdout.write(`${JSON.stringify({ timestamp, level, requestId, message: shown })}\n`);
    return;
  }
  // One event a call, as on AWS, however many lines it has.
  stdout.write(`${timestamp}\t${requestId}\t${level}\t${util.format(...parts)}`.replace(/\n/g, "\r") + "\n");
}

for (const [name, level] of [
  ["trace", "TRACE"], ["debug", "DEBUG"], ["log", "INFO"], ["info", "INFO"], ["warn", "WARN"], ["error", "ERROR"],
]) {
  console[name] = (...parts) => write(level, parts);
}
console.fatal = (...parts) => write("FATAL", parts);

// ---- what a handler may load, and where it reaches the local AWS

const isBare = (name) => !/^(\.{0,2}\/|\.{1,2}$|#|[a-z]+:)/i.test(name);
const roots = [taskRoot, ...searched, process.env.TMPDIR].map((folder) => {
  const found = fs.existsSync(folder) ? fs.realpathSync(folder) : folder;
  return `${pathToFileURL(found).href}/`;
});
const missing = (error) => ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error.code);

function notFound(name) {
  const brought = /^@(aws-sdk|smithy)\//.test(name);
  const package_ = name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/");
  const step = brought
    ? `. AWS's Node runtimes bring it; the local AWS takes it from ${searched.at(-1)}, where it is not. ` +
      `Run \`npm install --prefix ${path.dirname(searched.at(-1))} ${package_}\``
    : ". It is neither in the function's code nor in a layer";
  return Object.assign(new Error(`Cannot find package '${name}'${step}`), { code: "MODULE_NOT_FOUND" });
}

registerHooks({
  resolve(name, context, next) {
    if (!isBare(name)) return next(name, context);
    let found;
    try {
      found = next(name, context);
    } catch (error) {
      if (!missing(error)) throw error;
    }
    // Folders above the function's are this machine's: what they have, the function has not on AWS.
    const isOurs = (url) => !url.startsWith("file:") || roots.some((root) => url.startsWith(root));
    if (found !== undefined && isOurs(found.url)) return found;
    for (const folder of searched) {
      try {
        found = next(name, { ...context, parentURL: pathToFileURL(path.join(folder, "..", "any.js")).href });
        if (isOurs(found.url)) return found;
      } catch (error) {
        if (!missing(error)) throw error;
      }
    }
    throw notFound(name);
  },
});

// Handlers answer CloudFormation by `https.request` with the host and path of the address that they were given, which
// is an https address on AWS.
const local = new URL(endpoint);

function toEndpoint(original, fallback) {
  return (...given) => {
    const callback = given.findLast((each) => typeof each === "function");
    const [first, second] = given.filter((each) => typeof each !== "function");
    const isAddress = typeof first === "string" || first instanceof URL;
    const address = isAddress ? new URL(first) : undefined;
    const options = { ...(isAddress ? second : first) };
    const host = options.hostname ?? options.host ?? address?.hostname;
    const port = options.port ?? address?.port;
    if (host !== local.hostname || (port && Number(port) !== 443)) return original(...given);
    const target = options.path ?? (address ? `${address.pathname}${address.search}` : "/");
    delete options.agent;
    delete options.host;
    return fallback(
      { ...options, protocol: "http:", hostname: local.hostname, port: local.port, path: target }, callback,
    );
  };
}

https.request = toEndpoint(https.request, http.request);
https.get = toEndpoint(https.get, http.get);
syncBuiltinESMExports();

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

function contextOf(headers, settle) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const env = process.env;
  const context = {
    callbackWaitsForEmptyEventLoop: true,
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
    done: (error, result) => settle(error, result),
    succeed: (result) => settle(null, result),
    fail: (error) => settle(error ?? "handled"),
  };
  // What was answered by these waits for nothing, as the callback does where it is told so.
  for (const name of ["done", "succeed", "fail"]) {
    const answer = context[name];
    context[name] = (...given) => {
      context.callbackWaitsForEmptyEventLoop = false;
      answer(...given);
    };
  }
  return context;
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
    const settle = (error, result) => {
      const failed = error !== null && error !== undefined;
      finish(failed ? { error } : { result }, context.callbackWaitsForEmptyEventLoop && !failed);
    };
    const context = contextOf(headers, settle);
    // With nothing left to wait for, no answer can come any more.
    process.once("beforeExit", ended);
    try {
      const returned = handler(event, context, settle);
      if (typeof returned?.then === "function") {
        returned.then((result) => finish({ result }, false), (error) => finish({ error }, false));
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
  write("ERROR", ["Invoke Error \t" + logged(outcome.error)]);
  const failure = told(outcome.error);
  await call("POST", `/runtime/invocation/${id}/error`, JSON.stringify(failure), {
    "content-type": "application/json",
    "lambda-runtime-function-error-type": encodeURIComponent(failure.errorType),
  });
}

async function die(kind, error) {
  write("ERROR", [`${kind}\t${logged(error)}`]);
  const failure = JSON.stringify(told(error));
  const where = requestId === "undefined" ? "/runtime/init/error" : `/runtime/invocation/${requestId}/error`;
  await call("POST", where, failure, { "content-type": "application/json" });
  exit(requestId === "undefined" ? 1 : 129);
}

process.on("uncaughtException", (error) => die("Uncaught Exception ", error));
process.on("unhandledRejection", (reason) => {
  const error = new RuntimeError("UnhandledPromiseRejection", String(reason));
  if (reason instanceof Error) error.stack = `${error.name}: ${reason.stack}`;
  die("Unhandled Promise Rejection ", error);
});

let handler;
try {
  handler = await load();
} catch (error) {
  await die("Uncaught Exception ", error);
}
for (;;) {
  const { headers, body } = await call("GET", "/runtime/invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
  await answer(requestId, await run(handler, JSON.parse(body.toString()), headers));
}
