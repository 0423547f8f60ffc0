// Entries of a list of the settings: added once, and removed by their value, some fields, or one field's value.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SettingValue } from '../../src/machines/settings.ts';
import { editEntries } from '../../src/region/list-entries.ts';

const A = { mac: '52:54:00:aa:00:01', ip: '10.20.0.10', hostname: 'printer' };
const B = { mac: '52:54:00:aa:00:02', ip: '10.20.0.11', hostname: 'printer' };

const edits: readonly [
  string,
  SettingValue | undefined,
  'add' | 'remove',
  SettingValue[],
  SettingValue[] | 'refused',
][] = [
  ['a new list begins with the entry', undefined, 'add', [A], [A]],
  ['an entry comes last', [A], 'add', [B], [A, B]],
  ['an entry that is there is not added again', [A], 'add', [{ ip: A.ip, hostname: A.hostname, mac: A.mac }], [A]],
  ['a text is a list of words', '192.0.2.1, 192.0.2.2', 'add', ['192.0.2.3'], ['192.0.2.1', '192.0.2.2', '192.0.2.3']],
  ['a single value is no list', 5, 'add', [6], 'refused'],
  ['a mapping is no list', { a: 1 }, 'add', [6], 'refused'],
  ['the whole value names an entry', [A, B], 'remove', [A], [B]],
  ['the value of one field names an entry', [A, B], 'remove', ['10.20.0.11'], [A]],
  ['a hardware address has several spellings', [A, B], 'remove', ['52-54-00-AA-00-02'], [A]],
  ['some fields name an entry', [A, B], 'remove', [{ ip: A.ip }], [B]],
  ['a number may be in quotes', [{ code: 42, value: 'x' }], 'remove', ['42'], []],
  ['a name of two entries removes neither', [A, B], 'remove', ['printer'], 'refused'],
  ['equal entries go together', ['a', 'b', 'a'], 'remove', ['a'], ['b']],
  ['a name of no entry is refused', [A], 'remove', ['10.20.0.99'], 'refused'],
  ['of several names, one that fits none refuses all', ['a', 'b'], 'remove', ['a', 'c'], 'refused'],
];
for (const [name, before, kind, entries, wanted] of edits)
  test(name, () => {
    const edited = editEntries(before, { kind, entries });
    assert.deepEqual('list' in edited ? edited.list : 'refused', wanted);
  });
