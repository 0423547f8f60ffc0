// Node loads this before Rackboot (`daemon-flags.js`), in each thread. Of zod's sixty languages only English is then loaded: nobody sees
// zod's own errors. A start takes some 15 ms less.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const isAll = specifier === '../locales/index.js' && context.parentURL?.includes('/node_modules/zod/') === true;
    return next(isAll ? '../locales/en.js' : specifier, context);
  },
});
