// How a function's log and its errors are told: what `console` writes, and how an error becomes text.
//
// Nothing that a handler logs or throws makes this fail, as on AWS: errors may hold themselves, a BigInt, or have no text.

import util from "node:util";

// The handler may replace it, and its log is not to change what the runtime does.
const { stdout } = process;
const json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const least = levels.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? (json ? "INFO" : "TRACE")).toUpperCase());

let requestId = "undefined";

export function beginRequest(id) {
  requestId = id;
}

// Return what the Runtime API, and so the caller, is told of an error.
export function told(error) {
  try {
    if (util.types.isNativeError(error) || error instanceof Error) {
      return {
        errorType: String(error.name),
        errorMessage: String(error.message),
        trace: String(error.stack ?? "").split("\n"),
      };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    // It has no text: it has no prototype, or reading it throws.
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, " +
        "name, and stack",
    };
  }
}

// Return an error's own properties behind what every error has, which JSON leaves out.
function withStack(key, value) {
  if (!(value instanceof Error)) return value;
  const { errorType, errorMessage, trace } = told(value);
  return { errorType, errorMessage, code: value.code, ...value, stack: trace };
}

// The same as lines in JSON have it.
function withStackTrace(key, value) {
  return value instanceof Error ? { ...asFields(value), ...value } : value;
}

function asFields(error) {
  const { errorMessage, trace } = told(error);
  return { errorType: error.constructor?.name ?? "UnknownError", errorMessage, stackTrace: trace };
}

export function logged(error) {
  try {
    if (error instanceof Error) return JSON.stringify(error, withStack);
  } catch {
    // It holds what JSON cannot say: what every error has is told alone.
  }
  return JSON.stringify(told(error));
}

function asJson(level, parts) {
  const line = { timestamp: new Date().toISOString(), level, requestId };
  const [first] = parts;
  if (parts.length === 1) {
    try {
      return JSON.stringify({ ...line, message: first }, withStackTrace);
    } catch {
      return JSON.stringify({ ...line, message: util.format(first) });
    }
  }
  const error = parts.slice(1).find((part) => part instanceof Error);
  return JSON.stringify({ ...line, message: util.format(...parts), ...(error && asFields(error)) });
}

export function write(level, parts) {
  if (json && levels.indexOf(level) < least) return;
  if (json) {
    stdout.write(`${asJson(level, parts)}\n`);
    return;
  }
  // One event a call, as on AWS, however many lines it has.
  const text = `${new Date().toISOString()}\t${requestId}\t${level}\t${util.format(...parts)}`;
  stdout.write(text.replace(/\n/g, "\r") + "\n");
}

// Log what ended an invocation, or the process.
export function writeError(what, error) {
  if (!json) write("ERROR", [`${what} \t${logged(error)}`]);
  else write("ERROR", [error instanceof Error ? error : new Error(told(error).errorMessage)]);
}

for (const [name, level] of [
  ["trace", "TRACE"], ["debug", "DEBUG"], ["log", "INFO"], ["info", "INFO"], ["warn", "WARN"], ["error", "ERROR"],
]) {
  console[name] = (...parts) => write(level, parts);
}
console.fatal = (...parts) => write("FATAL", parts);
