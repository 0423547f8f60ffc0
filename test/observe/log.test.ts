// The log on a terminal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTerminalFormat } from '../../src/observe/log.ts';

test('an event is one line on a terminal, with its name and without control characters', () => {
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
    /WARN: dhcp\.refused: DHCP message not answered \{"hostname":"a.*b","mac":"52:54:00:00:00:01"\}\n$/,
  );
  assert.doesNotMatch(line.slice(0, -1), /\p{Cc}/u);
});
