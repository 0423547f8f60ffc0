// The log on a terminal and in a file.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { EventStream } from '../../src/observe/event-stream.ts';
import { logEvents, openLog, openTerminalFormat, WIRE_RATE } from '../../src/observe/log.ts';
import { type LogDestination, LogLevels } from '../../src/observe/log-levels.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

test('an event is one line on a terminal, with its name, and escapes in place of control characters', () => {
  const format = openTerminalFormat();
  const fields = {
    level: 40,
    time: '2026-11-20T13:00:00.000Z',
    event: 'dhcp.refused',
    hostname: 'a\u001b]0;x\u0007\n\u009bb',
  };
  const text = format(JSON.stringify({ ...fields, mac: '52:54:00:00:00:01', msg: 'DHCP message not answered' }));
  const line = text.replace(/\u001b\[\d+m/g, '');
  assert.match(
    line,
    /WARN: dhcp\.refused: DHCP message not answered hostname="a\\u001b\]0;x\\u0007\\n\\x9bb" mac=52:54:00:00:00:01\n$/,
  );
  assert.doesNotMatch(line.slice(0, -1), /\p{Cc}/u);
});

test('no field of an event replaces one that each line has of its own, and a line with such a field is shown nevertheless', () => {
  const lines: string[] = [];
  const clock = new VirtualClock();
  const stream = new EventStream(clock);
  const levels = new LogLevels({ level: 'debug', levels: new Map() }, { clock, publish: () => undefined });
  logEvents(pino({}, { write: (line: string) => void lines.push(line) }), stream, levels);
  const named = { level: 'debug', time: 'now', event: 'other', msg: 'no' };
  stream.publish(Object.assign({ kind: 'a.b', at: clock.now() }, named));
  clock.advance(1000);
  const [line = ''] = lines;
  const { event_level: level, event_msg: msg } = JSON.parse(line);
  assert.deepEqual([level, msg], ['debug', 'no']);
  assert.match(line, /^\{"level":30,.*"event":"a\.b"/);
  const doubled = '{"level":30,"time":"2026-01-01T00:00:00Z","event":"a.b","level":"debug","msg":"ab"}';
  assert.match(openTerminalFormat()(doubled), /a\.b/);
});

test('in the journal each line has its priority, and a crash that of an error', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-journal-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const code = `
    import { openLog } from '${import.meta.resolve('../../src/observe/log.ts')}';
    import { printError } from '${import.meta.resolve('../../src/cli/terminal/output.ts')}';
    import { markCrashes } from '${import.meta.resolve('../../src/observe/journal.ts')}';
    markCrashes();
    const { logger } = openLog({ level: 'debug', file: undefined, format: process.env.FORMAT });
    for (const level of ['debug', 'info', 'warn', 'error']) logger[level]({ event: 'a.b', text: 'x = "y"', n: 1 }, level);
    printError('one\\n\\ntwo');
    logger.flush(() => { throw new Error('crash'); });`;
  /** The lines and the status of a process whose output a file takes, as if it were the journal or not. */
  const run = (isJournal: boolean, format: LogDestination['format'] = 'auto') => {
    const path = join(directory, `${isJournal}-${format}`);
    const file = openSync(path, 'w');
    const { dev, ino } = fstatSync(file, { bigint: true });
    const env = {
      ...process.env,
      FORMAT: format,
      TZ: 'Asia/Tokyo',
      JOURNAL_STREAM: isJournal ? `${dev}:${ino}` : '8:1',
    };
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      env,
      stdio: ['ignore', file, file],
    });
    closeSync(file);
    return {
      status,
      lines: readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    };
  };
  const { status, lines } = run(true);
  assert.equal(status, 1);
  for (const [priority, text] of [
    ['<7>', 'a.b: debug text="x = \\"y\\"" n=1'],
    ['<6>', 'a.b: info '],
    ['<4>', 'a.b: warn '],
    ['<3>', 'a.b: error '],
    ['<3>', 'one'],
    ['<3>', 'two'],
    ['<3>', 'Error: crash'],
    ['<3>', '    at '],
  ] as const) {
    const found = lines.filter((line) => line.includes(text));
    assert.ok(found.length > 0 && found.every((line) => line.startsWith(priority)), `${text} in ${lines.join('\n')}`);
  }
  assert.deepEqual(
    lines.filter((line) => !/^<[3-7]>/.test(line)),
    [],
  );
  const elsewhere = run(false);
  assert.equal(elsewhere.status, 1);
  assert.deepEqual(
    elsewhere.lines.filter((line) => line.startsWith('<')),
    [],
  );
  assert.match(elsewhere.lines.join('\n'), /^\{"level":40,"time":"[^"]+Z","event":"a\.b",.*"msg":"warn"\}$/m);
  assert.match(run(true, 'json').lines.join('\n'), /^<4>\{"level":40,.*"msg":"warn"\}$/m);
  const dated = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+09:00 {2}WARNING {2}a\.b: warn text="x = \\"y\\"" n=1$/m;
  assert.match(run(false, 'lines').lines.join('\n'), dated);
});

test('all lines that hosts cause share one bound, and the log says how many are left out; errors are logged', async () => {
  const lines: { readonly event: string; readonly missed?: number }[] = [];
  const clock = new VirtualClock();
  const stream = new EventStream(clock);
  const levels = new LogLevels({ level: 'debug', levels: new Map() }, { clock, publish: () => undefined });
  logEvents(pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }), stream, levels);
  const HOUR = 3600;
  for (let second = 0; second < HOUR; second += 1) {
    for (let index = 0; index < 20; index += 1) stream.publish({ kind: `dhcp.kind${index}`, at: clock.now() });
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const count = (event: string): number => lines.filter((line) => line.event === event).length;
  const wire = lines.filter(({ event }) => event.startsWith('dhcp.')).length;
  assert.ok(wire <= WIRE_RATE.burst + HOUR * WIRE_RATE.perSecond, String(wire));
  assert.ok(wire >= WIRE_RATE.burst, String(wire));
  assert.ok(count('log.limited') > 10 && count('log.limited') <= HOUR / 60, String(count('log.limited')));
  const left = lines.reduce((sum, { missed = 0 }) => sum + missed, 0);
  // Those since the last such line are not told yet.
  assert.ok(HOUR * 20 - wire - left < 60 * 20, String(left));
  for (const kind of ['dhcp.socket-failed', 'daemon.note']) stream.publish({ kind, at: clock.now() });
  clock.advance(1000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([count('dhcp.socket-failed'), count('daemon.note')], [1, 1]);
});

test('a line in a file has no C1 character, and means what it meant', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-line-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'rackboot.log');
  const { logger } = openLog({ level: 'info', file, format: 'auto' });
  const said = 'a\u009b2J\u007f\u202eb';
  logger.info({ said });
  await new Promise<void>((resolve) => logger.flush(() => resolve()));
  const [line = ''] = readFileSync(file, 'utf8').split('\n');
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
  assert.equal(JSON.parse(line).said, said);
});
