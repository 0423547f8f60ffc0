import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { linesOfFile } from '../../../src/cli/leases/import.ts';

const LINE_MAX = 10;
/** Longer than one piece of the file. */
const LONG = 'x'.repeat(600_000);

const cases: readonly [name: string, text: string, lines: readonly string[]][] = [
  ['lines end in LF or CR LF, the last one perhaps in neither', 'a\nb\r\n\nc', ['a', 'b', '', 'c']],
  ['a line of the maximum length is whole', '0123456789\n0123456789\r\n0123456789', Array(3).fill('0123456789')],
  ['a longer line is cut to one character more', '0123456789a\n0123456789ab\r\nb', ['0123456789a', '0123456789a', 'b']],
  ['a very long line is one line, and the next is whole', `${LONG}\nb\n${LONG}\r\nc`, [LONG, 'b', LONG, 'c']],
  ['the last line may be very long', `a\n${LONG}`, ['a', LONG]],
];
for (const [name, text, lines] of cases) {
  test(name, () => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-lines-'));
    try {
      const file = join(directory, 'leases');
      writeFileSync(file, text);
      assert.deepEqual(
        [...linesOfFile(file, LINE_MAX)],
        lines.map((line) => line.slice(0, LINE_MAX + 1)),
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}
