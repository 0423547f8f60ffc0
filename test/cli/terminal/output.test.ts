import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import {
  jsonListLines,
  print,
  printDocument,
  printError,
  printFailure,
  printFields,
  printJson,
  printJsonLine,
  printLines,
  printPart,
  printTable,
} from '../../../src/cli/terminal/output.ts';
import { RackError } from '../../../src/ground/errors.ts';

test('fields form two columns, as wide as the longest name', (t) => {
  const lines: unknown[] = [];
  t.mock.method(console, 'log', (line: unknown) => void lines.push(line));
  printFields([
    ['Status', 'New'],
    ['mainboard_manufacturer_name', 'Maker'],
    ['Disks', ''],
  ]);
  assert.deepEqual(lines, ['Status                       New', 'mainboard_manufacturer_name  Maker', 'Disks']);
  lines.length = 0;
  printFields([
    ['Id', '7'],
    ['Note', 'Hall 1\nStatus  Deployed'],
  ]);
  assert.deepEqual(lines, ['Id    7', 'Note  Hall 1\n      Status  Deployed'], 'further lines are not fields');
});

test('lines are printed no faster than the reader takes them', async () => {
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

test('a list is printed as JSON element by element', () => {
  for (const elements of [[], [{ a: 1 }], [1, [2], { three: [3] }]]) {
    const text = [...jsonListLines('{ "list": ', elements, ', "end": true }')].join('\n');
    assert.deepEqual(JSON.parse(text), { list: elements, end: true });
  }
});

/** Everything that a call writes to both streams. */
function written(t: TestContext, call: () => unknown): string {
  let text = '';
  const take = (part: unknown): boolean => {
    text += String(part);
    return true;
  };
  for (const method of ['log', 'error'] as const) t.mock.method(console, method, (line: unknown) => take(`${line}\n`));
  t.mock.method(process.stdout, 'write', take);
  try {
    call();
  } finally {
    t.mock.restoreAll();
  }
  return text;
}

/** Calls a function with the variables by which people choose colours set to these alone. */
function inEnvironment(variables: Readonly<Record<string, string>>, call: () => void): void {
  const before = process.env;
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...others } = before;
  process.env = { ...others, ...variables };
  try {
    call();
  } finally {
    process.env = before;
  }
}

test('a row of a table is one line, whatever a cell has', (t) => {
  const lines: unknown[] = [];
  t.mock.method(console, 'log', (line: unknown) => void lines.push(line));
  const long = 'x'.repeat(1000);
  const rows = [
    ['ann\nroot\tadministrator', 'user'],
    [long, 'user'],
  ];
  printTable(['USER', 'KIND'], rows, '');
  assert.deepEqual(lines.slice(1), [`${'ann\\x0aroot\\x09administrator'.padEnd(1000)}  user`, `${long}  user`]);
});

describe('every way to print escapes text of strangers', () => {
  const HOSTILE = 'a\u001b[2J\u009b\u202e\u00ad\u{e0041}b';
  const SHOWN = 'a\\x1b[2J\\x9b\\u202e\\xad\\u{e0041}b';
  const IN_JSON = '"a\\u001b[2J\\u009b\\u202e\\u00ad\\udb40\\udc41b"';
  const BUG = Object.assign(new Error(HOSTILE), { stack: `Error: ${HOSTILE}\n\tat a line` });
  const ways: readonly (readonly [string, () => unknown, string])[] = [
    ['print', () => print(`${HOSTILE}\n\t${HOSTILE}`), `${SHOWN}\n\t${SHOWN}\n`],
    [
      'print in a colour that nobody wants',
      () => inEnvironment({ NO_COLOR: '1' }, () => print(HOSTILE, 'yellow')),
      `${SHOWN}\n`,
    ],
    [
      'print in a colour, which is kept',
      () => inEnvironment({ FORCE_COLOR: '1' }, () => print(HOSTILE, 'yellow')),
      `\u001b[33m${SHOWN}\u001b[39m\n`,
    ],
    ['printError', () => printError(HOSTILE), `${SHOWN}\n`],
    ['printPart', () => printPart(`${HOSTILE}\n`), `${SHOWN}\n`],
    ['printTable', () => printTable([HOSTILE], [[HOSTILE]], ''), `${SHOWN}\n${SHOWN}\n`],
    ['printTable without rows', () => printTable([], [], HOSTILE), `${SHOWN}\n`],
    ['printFields', () => printFields([[HOSTILE, HOSTILE]]), `${SHOWN}  ${SHOWN}\n`],
    ['printJson', () => printJson({ a: HOSTILE }), `{\n  "a": ${IN_JSON}\n}\n`],
    ['printJsonLine', () => printJsonLine({ a: HOSTILE }), `{"a":${IN_JSON}}\n`],
    ['printFailure of a RackError', () => printFailure(new RackError('not-found', HOSTILE)), `rackboot: ${SHOWN}\n`],
    ['printFailure of a bug', () => printFailure(BUG), `rackboot: a bug: Error: ${SHOWN}\n\tat a line\n`],
    ['printFailure of anything', () => printFailure(HOSTILE), `rackboot: ${SHOWN}\n`],
  ];
  for (const [name, call, text] of ways) test(name, (t) => assert.equal(written(t, call), text));

  test('printLines, and the lines of a JSON list', async () => {
    let text = '';
    const to = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString('utf8');
        done();
      },
    });
    await printLines([HOSTILE, ...jsonListLines('', [HOSTILE], '')], to);
    assert.equal(text, `${SHOWN}\n[\n${IN_JSON}\n]\n`);
  });

  test('printDocument on a terminal; a file gets the document unchanged', (t) => {
    for (const isTerminal of [true, false]) {
      const before = process.stdout.isTTY;
      process.stdout.isTTY = isTerminal;
      try {
        assert.equal(
          written(t, () => printDocument(HOSTILE)),
          isTerminal ? SHOWN : HOSTILE,
        );
      } finally {
        process.stdout.isTTY = before;
      }
    }
  });
});
