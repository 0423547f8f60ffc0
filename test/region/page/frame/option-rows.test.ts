// The rows in which people write DHCP options: what a form shows of a list, and the list that it sends back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../../../src/machines/settings.ts';
import { optionRows, sentOptions } from '../../../../src/region/page/frame/option-rows.ts';
import { withRegion } from '../../place.ts';
import { ADMIN, viewOf } from '../view.ts';

const CONTROL = { name: 'options', label: 'DHCP options', hint: '' };
const PARTS = ['option', 'type', 'value', 'rest'] as const;

/** What a browser sends of the rows of a page. */
function formOf(page: string): ReadonlyMap<string, readonly string[]> {
  const text = (value: string) => value.replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&amp;', '&');
  const inputs = (part: string) =>
    [...page.matchAll(new RegExp(`<input[^>]* name="options\\.${part}" value="([^"]*)"`, 'g'))].map(([, value = '']) =>
      text(value),
    );
  const selects = [...page.matchAll(/<select name="options\.type".*?<\/select>/gs)].map(
    ([one]) => /<option value="([^"]*)" selected>/.exec(one)?.[1] ?? '',
  );
  return new Map(PARTS.map((part) => [`options.${part}`, part === 'type' ? selects : inputs(part)]));
}

const LISTS: readonly (readonly [name: string, list: readonly Settings[]])[] = [
  ['nothing', []],
  ['addresses of a known option', [{ name: 'ntp-servers', value: ['10.20.0.1', '10.20.0.2'] }]],
  ['a text that looks like a number', [{ name: 'domain-name', value: '5' }]],
  [
    'a number and a truth',
    [
      { name: 'interface-mtu', value: 1500 },
      { name: 'ip-forwarding', value: true },
    ],
  ],
  [
    'a code with a type',
    [
      { code: 224, type: 'u16-list', value: [1, 2] },
      { code: 225, type: 'text', value: 'a, b' },
    ],
  ],
  ['routes', [{ name: 'classless-static-routes', value: [['10.9.0.0/16', '10.20.0.254']] }]],
  ['a condition, which no field shows', [{ name: 'domain-name', value: 'x', when: { mac: '00:1b:21' }, force: true }]],
];

for (const [name, list] of LISTS) {
  test(`a list with ${name} comes back from its rows as it was`, () =>
    withRegion(({ region }) => {
      const view = viewOf(region, { viewer: ADMIN });
      const page = `${optionRows(view, CONTROL, [...list])}`;
      assert.deepEqual(sentOptions({ region, form: formOf(page) }, 'options'), list);
    }));
}

test('an emptied option deletes its row, a filled row adds one, and several values have commas between', () =>
  withRegion(({ region }) => {
    const given = new Map([
      ['options.option', ['', 'ntp-servers', '']],
      ['options.type', ['', '', '']],
      ['options.value', ['10.20.0.9', ' 10.20.0.1,10.20.0.2 ', '']],
      ['options.rest', ['', '', '']],
    ]);
    assert.deepEqual(sentOptions({ region, form: given }, 'options'), [
      { name: 'ntp-servers', value: ['10.20.0.1', '10.20.0.2'] },
    ]);
  }));

test('after a refusal the rows are those that were sent', () =>
  withRegion(({ region }) => {
    const given = new Map([
      ['options.option', ['nope']],
      ['options.type', ['']],
      ['options.value', ['<1>']],
      ['options.rest', ['']],
    ]);
    const view = viewOf(region, {
      viewer: ADMIN,
      form: given,
      refusal: 'refused',
      faults: new Map([['options', 'unknown']]),
    });
    const page = `${optionRows(view, CONTROL, [])}`;
    assert.match(page, /name="options\.option" value="nope"/);
    assert.match(page, /id="f-options-fault">unknown/);
    assert.ok(!page.includes('<1>'));
  }));
