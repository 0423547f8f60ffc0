import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { jsonListLines, printFields, printLines } from '../../src/cli/output.ts';

test('fields stand in two columns, also beside a name that is longer than any before', (t) => {
  const lines: unknown[] = [];
  t.mock.method(console, 'log', (line: unknown) => void lines.push(line));
  printFields([
    ['Status', 'New'],
    ['mainboard_manufacturer_name', 'Maker'],
    ['Disks', ''],
  ]);
  assert.deepEqual(lines, ['Status                       New', 'mainboard_manufacturer_name  Maker', 'Disks']);
});

test('lines are printed no faster than they are read', async () => {
  let waitedMax = 0;
  let characters = 0;
  const slow = new Writable({
    highWaterMark: 1024,
    write(chunk: Buffer, _encoding, done) {
      characters += chunk.length;
      setImmediate(done);
    },
  });
  function* lines(): Generator<string> {
    for (let number = 0; number < 100_000; number += 1) {
      waitedMax = Math.max(waitedMax, slow.writableLength);
      yield 'a line of twenty one.';
    }
  }
  await printLines(lines(), slow);
  assert.equal(characters, 100_000 * 22);
  assert.ok(waitedMax < 70_000, `${waitedMax} characters waited`);
});

test('a list is written as JSON element by element', () => {
  for (const elements of [[], [{ a: 1 }], [1, [2], { three: [3] }]]) {
    const text = [...jsonListLines('{ "list": ', elements, ', "end": true }')].join('\n');
    assert.deepEqual(JSON.parse(text), { list: elements, end: true });
  }
});
