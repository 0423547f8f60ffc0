// The log on a terminal and in a file.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { EventStream } from '../../src/observe/event-stream.ts';
import { logEvents, openLog, openTerminalFormat } from '../../src/observe/log.ts';
import { LogLevels } from '../../src/observe/log-levels.ts';
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
    /WARN: dhcp\.refused: DHCP message not answered \{"hostname":"a\\u001b\]0;x\\u0007\\n\\x9bb","mac":"52:54:00:00:00:01"\}\n$/,
  );
  assert.doesNotMatch(line.slice(0, -1), /\p{Cc}/u);
});

test('no field of an event replaces one that each line has of its own, and a line with such a field is shown nevertheless', () => {
  const lines: string[] = [];
  const clock = new VirtualClock();
  const stream = new EventStream(clock);
  const levels = new LogLevels({ level: 'debug', levels: new Map() }, { clock, publish: () => undefined });
  logEvents(pino({}, { write: (line: string) => void lines.push(line) }), stream, new Map(), levels);
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

test('a line in a file has no C1 character, and means what it meant', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-line-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'rackboot.log');
  const { logger } = openLog({ level: 'info', file });
  const said = 'a\u009b2J\u007f\u202eb';
  logger.info({ said });
  await new Promise<void>((resolve) => logger.flush(() => resolve()));
  const [line = ''] = readFileSync(file, 'utf8').split('\n');
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
  assert.equal(JSON.parse(line).said, said);
});
