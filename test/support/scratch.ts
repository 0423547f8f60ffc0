// Directories for tests, which are removed afterwards.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach } from 'node:test';

const make = (): string => mkdtempSync(join(tmpdir(), 'rackboot-scratch-'));
const remove = (path: string): void => rmSync(path, { recursive: true, force: true });

/** A directory for the tests of a suite or a file. */
export function scratchDirectory(): string {
  const path = make();
  after(() => remove(path));
  return path;
}

/** Makes a directory for each test of a suite or a file. */
export function directoryForEach(use: (path: string) => void): void {
  let path = '';
  beforeEach(() => {
    path = make();
    use(path);
  });
  afterEach(() => remove(path));
}
