// Log levels: their precedence, the duration of a change, and the rooms, which are those of the events.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RackEvent } from '../../src/ground/event.ts';
import { LOG_ROOMS, type LogLevelSettings, LogLevels } from '../../src/observe/log-levels.ts';
import { EVENT_KINDS } from '../../src/region/reports/reported.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function make() {
  const clock = new VirtualClock(1_700_000_000_000, 1);
  const events: RackEvent[] = [];
  const settings: LogLevelSettings = { level: 'info', levels: new Map([['dns', 'error']]) };
  const levels = new LogLevels(settings, { clock, publish: (event) => void events.push(event) });
  return { clock, events, levels };
}

test('the rooms of the log are the rooms of the events', () => {
  const rooms = new Set([...EVENT_KINDS.keys()].map((kind) => kind.slice(0, kind.indexOf('.'))));
  assert.deepEqual([...rooms].sort(), [...LOG_ROOMS]);
});

test('a room with its own level uses that, and the others use the general level', () => {
  const { levels } = make();
  assert.equal(levels.shows('tftp.sent', 'info'), true);
  assert.equal(levels.shows('tftp.probed', 'debug'), false);
  assert.equal(levels.shows('dns.refused', 'warning'), false);
  assert.equal(levels.shows('dns.refused', 'error'), true);
  levels.configure({ level: 'error', levels: new Map([['tftp', 'debug']]) });
  assert.equal(levels.shows('tftp.probed', 'debug'), true);
  assert.equal(levels.shows('dns.refused', 'warning'), false);
  assert.equal(levels.shows('dhcp.ack', 'info'), false);
});

test('a temporary change overrides the configuration and expires, and both are reported', () => {
  const { clock, events, levels } = make();
  levels.setTemporaryLevel('', 'debug', 60);
  levels.setTemporaryLevel('dns', 'warning', 600);
  assert.equal(levels.shows('tftp.probed', 'debug'), true);
  assert.equal(levels.shows('dns.refused', 'warning'), true);
  assert.equal(levels.shows('dns.listening', 'info'), false, 'the room takes precedence');
  const find = (room: string) => levels.listStates().find((state) => state.room === room);
  assert.deepEqual(find('dns'), { room: 'dns', level: 'warning', secondsLeft: 600 });
  assert.deepEqual(find('tftp'), { room: 'tftp', level: 'debug', secondsLeft: 60 });
  clock.advance(61_000);
  assert.equal(levels.shows('tftp.probed', 'debug'), false);
  assert.equal(levels.shows('dns.refused', 'warning'), true);
  assert.deepEqual(find('tftp'), { room: 'tftp', level: 'info', secondsLeft: undefined });
  clock.advance(600_000);
  assert.equal(levels.shows('dns.refused', 'warning'), false);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['log.level-changed', 'log.level-changed', 'log.level-restored', 'log.level-restored'],
  );
});

test('a temporary change can be replaced and undone; a reload keeps it', () => {
  const { clock, levels } = make();
  levels.setTemporaryLevel('tftp', 'debug', 60);
  levels.setTemporaryLevel('tftp', 'debug', 3600);
  clock.advance(61_000);
  assert.equal(levels.shows('tftp.probed', 'debug'), true, 'the earlier expiry does not apply');
  levels.configure({ level: 'error', levels: new Map() });
  assert.equal(levels.shows('tftp.probed', 'debug'), true);
  levels.restore('tftp');
  levels.restore('tftp');
  assert.equal(levels.shows('tftp.probed', 'debug'), false);
});
