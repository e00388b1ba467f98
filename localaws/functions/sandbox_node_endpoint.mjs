// Where a handler reaches the local AWS.

import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";

// Handlers answer CloudFormation by `https.request` with the host and path of the address that they were given, which
// is an https address on AWS.
const local = new URL(process.env.AWS_ENDPOINT_URL);

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
