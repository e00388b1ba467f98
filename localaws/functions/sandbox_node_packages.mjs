// What a handler may load: its own code, its layers, and of the packages around what AWS's Node brings.

import fs from "node:fs";
import path from "node:path";
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

// AWS's Node brings its SDK, and a function finds it; what that is made of besides, the SDK alone finds.
const BROUGHT = /^@(aws-sdk|smithy|aws-crypto|aws)\//;
const isBare = (name) => !/^(\.{0,2}\/|\.{1,2}$|#|[a-z]+:)/i.test(name);
export const missing = (error) => ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error.code);

function within(folder) {
  const found = fs.existsSync(folder) ? fs.realpathSync(folder) : folder;
  const start = `${pathToFileURL(found).href}/`;
  return (url) => url?.startsWith(start) ?? false;
}

// Hold `require` and `import` of a function in `taskRoot` to it, to its `layers`, and to the SDK in `sdk`.
export function holdPackages(taskRoot, layers, sdk) {
  const owned = [taskRoot, ...layers, process.env.TMPDIR].map(within);
  const inSdk = within(sdk);
  // Folders above the function's are this machine's: what they have, the function has not on AWS.
  const isOurs = (url, name, parent) => {
    if (!url.startsWith("file:")) return true;
    return inSdk(url) ? BROUGHT.test(name) || inSdk(parent) : owned.some((isWithin) => isWithin(url));
  };
  // Node itself looks there for `require`, and for nothing that is imported; AWS's does for both.
  const searched = process.env.NODE_PATH.split(path.delimiter);
  restoreNodePath();

  registerHooks({
    resolve(name, context, next) {
      if (!isBare(name)) return next(name, context);
      const folders = searched.filter((folder) => path.basename(folder) === "node_modules");
      const beside = folders.map((folder) => pathToFileURL(path.join(folder, "..", "any.js")).href);
      for (const parentURL of [context.parentURL, ...beside]) {
        try {
          const found = next(name, { ...context, parentURL });
          if (isOurs(found.url, name, context.parentURL)) return found;
        } catch (error) {
          if (!missing(error)) throw error;
        }
      }
      throw notFound(name, searched.includes(sdk), sdk);
    },
  });
}

// Let the function see the NODE_PATH that it was given, which names folders as they are on AWS.
function restoreNodePath() {
  const { LOCALAWS_OWN_NODE_PATH: own } = process.env;
  if (own !== undefined) process.env.NODE_PATH = own;
  delete process.env.LOCALAWS_OWN_NODE_PATH;
}

function notFound(name, isSearched, sdk) {
  const package_ = name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/");
  let step = ". It is neither in the function's code nor in a layer";
  if (BROUGHT.test(name) && !isSearched) {
    step = ". AWS's Node runtimes bring it in /var/runtime/node_modules, which the function's own NODE_PATH leaves out";
  } else if (BROUGHT.test(name)) {
    step =
      `. AWS's Node runtimes bring it; the local AWS takes it from ${sdk}, where it is not. ` +
      `Run \`npm install --prefix ${path.dirname(sdk)} ${package_}\``;
  }
  return Object.assign(new Error(`Cannot find package '${name}'${step}`), { code: "MODULE_NOT_FOUND" });
}
