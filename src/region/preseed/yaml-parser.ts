// The parser of YAML, loaded when a preseed first needs it: it is a tenth of what the region's thread would load.

import { createRequire } from 'node:module';

/** The parser; the first call loads it, which takes some 50 ms. */
export const yamlParser = (): typeof import('yaml') => createRequire(import.meta.url)('yaml');
