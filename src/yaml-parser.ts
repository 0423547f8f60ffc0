// The parser of YAML, loaded by the first call: it is a tenth of what the region's thread would load, and a quarter of what a command would
// that reads no configuration.

import { createRequire } from 'node:module';

/** The parser; the first call loads it, which takes some 50 ms. */
export const yamlParser = (): typeof import('yaml') => createRequire(import.meta.url)('yaml');
