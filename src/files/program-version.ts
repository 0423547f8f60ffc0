// The version of Rackboot.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Rackboot's version, from its package. */
export function readVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
}
