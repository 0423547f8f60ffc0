// Node loads this before Rackboot (`daemon-flags.js`), in each thread: the imports of a start take a fifth less of a processor.
//
// 1. The imports of a checkout's own files name the file, so there is nothing to look for. Node would look for a package.json in each folder.
// 2. Of zod's sixty languages only English is loaded: nobody sees zod's own errors.
// 3. The texts of help have no wide characters, so yargs and cliui get a measure of widths that has no tables of them.
// 4. Of node:http only what the sources use (`node-http.js`). Bundles have no such import.
import { registerHooks } from 'node:module';

const ROOT = new URL('../', import.meta.url).href;
const PACKAGES = new URL('node_modules/', ROOT).href;
/** Node's formats of modules, by the end of the file's name. */
const FORMATS = { '.ts': 'module-typescript', '.js': 'module' };

const PLAIN_WIDTH = new URL('plain-width.js', import.meta.url).href;
const SOURCES = new URL('src/', ROOT).href;
const NODE_HTTP = new URL('node-http.js', import.meta.url).href;
const HELP_PACKAGES = /\/node_modules\/(?:yargs|cliui|wrap-ansi)\/(?!.*\/node_modules\/)/;

const isOwn = (url) => url?.startsWith(ROOT) && !url.startsWith(PACKAGES);

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context;
    const format = FORMATS[specifier.slice(-3)];
    if (specifier.startsWith('.') && format !== undefined && isOwn(parentURL))
      return { url: new URL(specifier, parentURL).href, format, shortCircuit: true };
    if (specifier === 'node:http' && parentURL?.startsWith(SOURCES))
      return { url: NODE_HTTP, format: 'module', shortCircuit: true };
    if (specifier === 'string-width' && HELP_PACKAGES.test(parentURL ?? ''))
      return { url: PLAIN_WIDTH, format: 'module', shortCircuit: true };
    const isAll = specifier === '../locales/index.js' && parentURL?.includes('/node_modules/zod/') === true;
    return next(isAll ? '../locales/en.js' : specifier, context);
  },
});
