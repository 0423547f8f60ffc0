// The daemon's answer to `rackboot log-level` for an unknown room or level.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLogLevelAnswers } from '../../../src/daemon/answers/log-level.ts';
import { LogLevels } from '../../../src/observe/log-levels.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const levels = new LogLevels(
  { level: 'info', levels: new Map() },
  { clock: new VirtualClock(0, 1), publish: () => undefined },
);

for (const [room, level, meant] of [
  ['dhpc', 'debug', 'dhcp'],
  ['dhcp', 'debgu', 'debug'],
] as const) {
  test(`${room} ${level} is answered with ${meant}`, () => {
    const change = makeLogLevelAnswers(levels)['POST /log-level'];
    const query = new URLSearchParams({ room, level });
    assert.throws(() => change?.({ query, body: async () => '' }), new RegExp(`did you mean ${meant}\\?$`));
  });
}
