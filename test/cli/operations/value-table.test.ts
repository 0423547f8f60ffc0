// Any answer of the API as text for people.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTable, formatValue, listFields, listIn } from '../../../src/cli/operations/value-table.ts';

test('a list becomes a table: what names an entry comes first, and empty columns and links are left out', () => {
  const list = [
    { url: 'http://a/', empty: null, id: 1, resource_uri: '/x', zone: { id: 7, name: 'default' }, tags: ['a', 'b'] },
    { url: 'http://b/', empty: '', id: 2, resource_uri: '/y', zone: { id: 7, name: 'default' }, tags: [], late: true },
  ];
  assert.deepEqual(buildTable(list, 100), {
    headings: ['ID', 'URL', 'ZONE', 'TAGS', 'LATE'],
    rows: [
      ['1', 'http://a/', 'default', 'a, b', ''],
      ['2', 'http://b/', 'default', '', 'true'],
    ],
  });
});

test('columns that do not fit are left out, never the first, and long cells are cut', () => {
  const { headings, rows } = buildTable([{ name: 'x'.repeat(100), note: 'y'.repeat(30), n: 1 }], 50);
  assert.deepEqual(headings, ['NAME', 'N']);
  assert.equal(rows[0]?.[0]?.length, 40);
  assert.deepEqual(buildTable([{ a: 1 }], 1).headings, ['A']);
});

test('a list of plain values has one column, and an empty one has no rows', () => {
  assert.deepEqual(buildTable(['a', 2], 80), { headings: ['VALUE'], rows: [['a'], ['2']] });
  assert.deepEqual(buildTable([], 80).rows, []);
});

test('an object whose name is empty is shown by its next name, a reserved address by the address, and a page by its list', () => {
  assert.equal(formatValue({ hostname: '', name: null, id: 7, note: 'x' }), '7');
  assert.equal(formatValue([{ ip: '10.0.0.1', alloc_type: 4, alloc_type_name: 'User reserved' }]), '10.0.0.1');
  assert.equal(formatValue({ hostname: '', level: 'INFO', note: 'x' }), 'level=INFO note=x');
  const events = [{ hostname: '', id: 3, description: 'created the tag gpu', level: 'AUDIT', username: 'admin' }];
  const page = listIn({ count: 1, events, next_uri: '/n', prev_uri: '/p' });
  assert.deepEqual(page, { list: events, others: { count: 1, next_uri: '/n', prev_uri: '/p' } });
  assert.deepEqual(buildTable(page.list, 100).rows, [['3', 'admin', 'AUDIT', 'created the tag gpu']]);
  assert.equal(listIn({ id: 1, tags: [{ name: 'a' }] }), undefined);
  assert.equal(listIn({ count: 1, a: [], b: [] }), undefined);
});

test('nested values are shown by their names, or by their parts', () => {
  assert.equal(
    formatValue([{ hostname: 'calm-ibis', id: 3 }, { ip: '10.0.0.1', to: null }, null]),
    'calm-ibis, ip=10.0.0.1',
  );
  assert.deepEqual(listFields({ system_id: 'abc', note: null, n: 0, ok: false, resource_uri: '/x' }), [
    ['system id', 'abc'],
    ['n', '0'],
    ['ok', 'false'],
  ]);
});
