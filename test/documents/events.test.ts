// The names of events: none is published that is not in a table, none that was released vanishes, and each is explained.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOG_ROOMS } from '../../src/observe/log-levels.ts';
import { EVENT_KINDS } from '../../src/region/reports/reported.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('every name in the code that looks like an event is in the table of kinds', () => {
  const names = new RegExp(`'((?:${LOG_ROOMS.join('|')})\\.[a-z]+(?:-[a-z]+)*)'`, 'g');
  const unknown: string[] = [];
  for (const file of globSync('src/**/*.ts', { cwd: ROOT })) {
    // Keys of the configuration, methods of the library and host names have full stops, too.
    const isOther = /^src\/(?:config|cli|net|doctor|lab|region\/page)\//.test(file);
    for (const line of readFileSync(join(ROOT, file), 'utf8').split('\n')) {
      if (isOther || !/kind|event|\{$/.test(line)) continue;
      for (const [, name = ''] of line.matchAll(names)) if (!EVENT_KINDS.has(name)) unknown.push(`${file}: ${name}`);
    }
  }
  assert.deepEqual(unknown, [], 'add it to the events.ts of its room');
});

test('a released name stays', () => {
  const released: unknown = JSON.parse(readFileSync(join(ROOT, 'fixtures/events/released.json'), 'utf8'));
  assert.ok(Array.isArray(released) && released.length > 0);
  assert.deepEqual(
    released.filter((name) => !EVENT_KINDS.has(name)),
    [],
    'searches of the log rely on it: keep the name, or tell in CHANGELOG.md what takes its place and take it off the list',
  );
});

test('every kind has a message of a few words and an explanation in sentences', () => {
  for (const [name, { message, explanation }] of EVENT_KINDS) {
    assert.ok(message.length > 0 && message.length < 60, `${name}: ${message}`);
    assert.match(explanation, /^[A-Za-z`].{20,}[.)]$/s, name);
  }
});
