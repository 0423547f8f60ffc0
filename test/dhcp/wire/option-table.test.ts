// The one table of options: each code is in it once, and the configuration takes it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatProblems } from '../../../src/config/config-file.ts';
import { parseConfig } from '../../../src/config/load.ts';
import {
  findNamedOption,
  findOption,
  findOptionByName,
  KNOWN_OPTIONS,
  NAMED_OPTIONS,
  refusedNameText,
  suggestOptionName,
} from '../../../src/dhcp/wire/option-table.ts';
import { OPTION_TYPE_NAMES, type OptionType } from '../../../src/dhcp/wire/option-value.ts';
import { OPTION } from '../../../src/dhcp/wire/options.ts';

const CODES = Array.from({ length: 256 }, (_, code) => code);

test('each code is in the table once, and a name or label belongs to one code', () => {
  const text = readFileSync(new URL('../../../src/dhcp/wire/option-table.ts', import.meta.url), 'utf8');
  // Of two rows of a code the later would silently win.
  const written = [...text.matchAll(/^ {2}(\d+): \w+\(/gm)].map((match) => Number(match[1]));
  assert.deepEqual(
    KNOWN_OPTIONS.map(({ code }) => code),
    written,
  );
  assert.deepEqual(
    written,
    [...new Set(written)].toSorted((a, b) => a - b),
  );
  const names = NAMED_OPTIONS.map(({ name }) => name);
  const labels = KNOWN_OPTIONS.map(({ label }) => label);
  for (const list of [names, labels]) assert.equal(new Set(list).size, list.length);
  for (const { code, name, type } of NAMED_OPTIONS) {
    assert.ok(code >= 1 && code <= 254, name);
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.ok(OPTION_TYPE_NAMES.includes(type));
    assert.equal(findNamedOption(code)?.name, name);
    assert.equal(findOptionByName(name)?.code, code);
  }
});

test('every option that the server reads or writes has its row', () => {
  for (const [name, code] of Object.entries(OPTION)) assert.ok(findOption(code) !== undefined, `${name}, ${code}`);
});

const LAB = `cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.199
    options: [`;

/** The bytes the configuration makes of an entry, or its fault. */
function configure(entry: object, code: number): Uint8Array | string {
  const parsed = parseConfig(`${LAB}${JSON.stringify(entry)}]\n`);
  if (!parsed.ok) return formatProblems('f', parsed.problems);
  return parsed.config.dhcp.subnets[0]?.options?.byCode.get(code)?.[0]?.value ?? assert.fail(`option ${code} is lost`);
}

/** A legal value of each type. */
const SAMPLES: Readonly<Record<OptionType, unknown>> = {
  ip: '10.20.0.1',
  'ip-list': ['10.20.0.1', '10.20.0.2'],
  'ip-pairs': [['10.9.0.0', '10.20.0.254']],
  u8: 1,
  u16: 1500,
  'u16-list': [68, 296],
  u32: 86_400,
  i32: -3600,
  bool: true,
  text: 'lab',
  hex: '01:0a:ff',
  domain: 'example.net',
  'domain-list': ['example.net', 'lab.example.net'],
  routes: [['10.9.0.0/16', '10.20.0.254']],
  suboptions: [{ code: 1, type: 'u8', value: 7 }],
  'vendor-identifying': [{ enterprise: 42_623, suboptions: [{ code: 1, type: 'text', value: 'x' }] }],
};

/** The same for options with a rule of their own. */
const OWN_SAMPLES: Readonly<Record<number, unknown>> = {
  1: '255.255.255.0',
  97: `00${'ab'.repeat(16)}`,
  114: 'https://portal.example/api',
  117: [6, 44],
  120: '010a140001',
  212: `0820${'00'.repeat(16)}0a140001`,
};

for (const { code, name, type } of NAMED_OPTIONS) {
  test(`option ${code} is configured as ${name}`, () => {
    const written = OWN_SAMPLES[code] ?? SAMPLES[type];
    const bytes = configure({ name, value: written }, code);
    const remedy = `give option ${code} a row of OWN_SAMPLES`;
    assert.ok(bytes instanceof Uint8Array, `${bytes}; if the sample of its type is illegal for it, ${remedy}`);
    assert.deepEqual(configure({ code, value: written }, code), bytes, 'by its code it has the same type');
    assert.deepEqual(configure({ code, type, value: written }, code), bytes);
  });
}

test('an option without a name is given by code and type', () => {
  for (const code of CODES.slice(1, 255)) {
    const row = findOption(code);
    if (row !== undefined && row.kind !== 'unnamed') continue;
    assert.match(String(configure({ code, value: 'x' }, code)), new RegExp(`missing: option ${code} needs a type`));
    assert.deepEqual(configure({ code, type: 'hex', value: '01' }, code), Uint8Array.of(1));
  }
});

test('the name of an option that cannot be configured is answered with its code and the reason', () => {
  for (const name of ['lease-time', 'Lease_Time', 'lease time'])
    assert.equal(refusedNameText(name), 'option 51 cannot be configured: lease_time sets it', name);
  for (const name of ['router', 'lease', '']) assert.equal(refusedNameText(name), undefined, name);
});

test('an option that cannot be configured is refused with the reason', () => {
  for (const row of KNOWN_OPTIONS) {
    const { code } = row;
    if (row.kind !== 'refused') continue;
    assert.ok(
      String(configure({ code, type: 'hex', value: '01' }, code)).includes(
        `option ${code} cannot be configured: ${row.why}`,
      ),
    );
  }
});

test('a near miss of a name is answered with the name', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['ntp-server', 'ntp-servers'],
    ['NTP_servers', 'ntp-servers'],
    ['bootfile-name', 'boot-file-name'],
    ['router', 'routers'],
    ['tftp-server', 'tftp-server-name'],
    ['search', 'name-service-search'],
    ['classless', 'classless-static-routes'],
    ['', undefined],
    ['zzzzzzzz', undefined],
    ['x'.repeat(10_000), undefined],
  ];
  for (const [written, name] of cases) assert.equal(suggestOptionName(written), name, written.slice(0, 20));
});
