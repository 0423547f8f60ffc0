// Node loads this before Rackboot (`daemon-flags.js`), in each thread: the imports of a start take a fifth less of a processor.
//
// 1. The imports of a checkout's own files name the file, so there is nothing to look for. Node would look for a package.json in each folder.
// 2. Of zod's sixty languages only English is loaded: nobody sees zod's own errors.
// 3. string-width is loaded when it is called (`late-width.js`).
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url).href;
const PACKAGES = new URL('node_modules/', ROOT).href;
const LATE_WIDTH = new URL('late-width.js', import.meta.url).href;
/** Node's formats of modules, by the end of the file's name. */
const FORMATS = { '.ts': 'module-typescript', '.js': 'module' };

const isOwn = (url) => url?.startsWith(ROOT) && !url.startsWith(PACKAGES);

const lateWidth = (url) => ({
  url: `${LATE_WIDTH}?file=${encodeURIComponent(fileURLToPath(url))}`,
  format: 'module',
  shortCircuit: true,
});

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context;
    const format = FORMATS[specifier.slice(-3)];
    if (specifier.startsWith('.') && format !== undefined && isOwn(parentURL))
      return { url: new URL(specifier, parentURL).href, format, shortCircuit: true };
    if (specifier === 'string-width') return lateWidth(next(specifier, context).url);
    const isAll = specifier === '../locales/index.js' && parentURL?.includes('/node_modules/zod/') === true;
    return next(isAll ? '../locales/en.js' : specifier, context);
  },
});
