// Files for browsers: the types are out, in a checkout and in a package, and the name follows the text.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBrowserFile } from '../../src/files/browser-file.ts';
import { RackError } from '../../src/ground/errors.ts';

function withDirectory(use: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-browser-'));
  try {
    use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a script of a checkout loses its types, that of a package goes out as it is', () =>
  withDirectory((directory) => {
    writeFileSync(join(directory, 'page.js'), 'const one = 1;\n');
    assert.equal(readBrowserFile(directory, 'page', 'js').text(), 'const one = 1;\n');
    writeFileSync(join(directory, 'page.ts'), 'const two: number = 2;\n');
    assert.match(readBrowserFile(directory, 'page', 'js').text(), /^const two +=/);
  }));

test('another text has another name, and the same text the same', () =>
  withDirectory((directory) => {
    const nameOf = (text: string): string => {
      writeFileSync(join(directory, 'page.css'), text);
      return readBrowserFile(directory, 'page', 'css').name;
    };
    const first = nameOf('a {}');
    assert.match(first, /^page-[0-9a-f]{12}\.css$/);
    assert.notEqual(nameOf('b {}'), first);
    assert.equal(nameOf('a {}'), first);
  }));

test('a file that is not part of the installation is named', () =>
  withDirectory((directory) => {
    assert.throws(
      () => readBrowserFile(directory, 'page', 'css'),
      (error) => error instanceof RackError && error.code === 'tree-unreadable' && error.message.includes('page.css'),
    );
  }));
