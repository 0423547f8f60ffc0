// Loaded with `--import` before a test: one file of the product is read with one piece of its text changed (`mutants.ts`).

import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const { file, start, end, text } = JSON.parse(process.env.RACKBOOT_MUTANT ?? '{}');
const changed = file === undefined ? undefined : pathToFileURL(file).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== changed) return loaded;
    const source = String(loaded.source);
    return { ...loaded, source: `${source.slice(0, start)}${text}${source.slice(end)}` };
  },
});
