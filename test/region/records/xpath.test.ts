// Definitions of tags on the hardware of a machine: those of MAAS's documents, and every part of the supported language.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hardwareTree } from '../../../src/region/records/lshw.ts';
import { parseXpath, XPATH_LENGTH_MAX } from '../../../src/region/records/xpath.ts';
import { facts } from '../place.ts';

const TREE = hardwareTree({
  hostname: 'calm-otter',
  facts: facts(
    { serial: 'SN1', uuid: '' },
    {
      cpu: { count: 8, model: 'Intel Xeon E5' },
      memory_mib: 8192,
      nics: [
        { name: 'eth0', mac: '52:54:00:00:00:01', driver: 'e1000', carrier: 1, operstate: 'up', speed: 1000 },
        { name: 'eth1', mac: '52:54:00:00:00:02', driver: 'mlx5_core', carrier: 0, operstate: 'down', speed: 0 },
      ],
      disks: [
        { name: 'sda', bytes: 1_000_000, model: 'ST 1', serial: 'A', rotational: 1 },
        { name: 'nvme0n1', bytes: 3_000_000, model: 'NVMe 2', serial: 'B', rotational: 0 },
      ],
    },
  ),
});

/** The expression, and whether the machine matches. */
const CASES: readonly (readonly [xpath: string, isMatch: boolean])[] = [
  ['//node[@id="memory"]/size[@units="bytes"] > 4294967296', true],
  ['//node[@id="memory"]/size > 8589934592', false],
  ['//node[@class="system"]/serial="SN1"', true],
  ['//node[@class="processor"]/product[contains(., "Xeon")]', true],
  ['//node[@class="processor" and contains(product, "Opteron")]', false],
  ["//node[@class='network']//setting[@id='driver' and @value='mlx5_core']", true],
  ['count(//node[@class="disk"]) >= 2', true],
  ['count(//node[@class="network"]) = 3', false],
  ['sum(//node[@class="disk"]/size) = 4000000', true],
  ['/list/node/node[@id="core"]', true],
  ['/node', false],
  ['//node[@id="disk:1"]/logicalname/text() = "/dev/nvme0n1"', true],
  ['//node[starts-with(@id, "disk:")][2]/serial = "B"', true],
  ['//node[starts-with(@id, "disk:")][3]', false],
  ['//*[@units="bit/s"]', true],
  ['//@units = "Hz"', false],
  ['not(//node[@class="display"])', true],
  ['//display or //node[@id="core"]', true],
  ['//display and //node[@id="core"]', false],
  ['(//display or true()) and not(false())', true],
  ['number(//node[@id="memory"]/size) != 5', true],
  ['string(//node[@id="memory"]/description) = "System Memory"', true],
  ['//size < 2000000', true],
  ['//size <= 999999', false],
  ['//node[@id="absent"]/size > 0', false],
  ['1', true],
  ['0', false],
  ['""', false],
];

for (const [xpath, isMatch] of CASES)
  test(`${xpath} is ${isMatch}`, () => {
    const parsed = parseXpath(xpath);
    assert.ok(parsed.kind === 'xpath', JSON.stringify(parsed));
    assert.equal(parsed.matches(TREE), isMatch);
  });

/** Texts that are not a definition, each with the place and the text of its fault. */
const FAULTS: readonly (readonly [xpath: string, at: number, found: string])[] = [
  ['', 1, ''],
  ['//', 3, ''],
  ['//node[', 8, ''],
  ['//node[@id="x"', 15, ''],
  ['//node | //list', 8, '| //list'],
  ['//node/../size', 9, './size'],
  ['ancestor::node', 9, '::node'],
  ['$x', 1, '$x'],
  ['//size * 2 > 1', 8, '* 2 > 1'],
  ['last()', 1, 'last()'],
  ['contains("a")', 13, ')'],
  ['count(//a, //b)', 10, ', //b)'],
  ['//a = = 1', 7, '= 1'],
  ['"open', 1, '"open'],
  ['//node @id', 8, '@id'],
];

for (const [xpath, at, found] of FAULTS)
  test(`${xpath === '' ? 'nothing' : xpath} is refused with its place`, () => {
    assert.deepEqual(parseXpath(xpath), { kind: 'fault', at, found });
  });

test('every prefix of a definition is parsed or refused, and depth, length and work are bounded', () => {
  for (const [xpath] of CASES)
    for (let end = 0; end <= xpath.length; end += 1) {
      const parsed = parseXpath(xpath.slice(0, end));
      if (parsed.kind === 'xpath') parsed.matches(TREE);
    }
  assert.equal(parseXpath(`${'('.repeat(500)}1${')'.repeat(500)}`).kind, 'fault');
  assert.equal(parseXpath(`"${'x'.repeat(XPATH_LENGTH_MAX)}"`).kind, 'fault');
  const heavy = parseXpath(`//*${'[//*'.repeat(8)}${']'.repeat(8)}`);
  assert.ok(heavy.kind === 'xpath');
  assert.equal(typeof heavy.matches(TREE), 'boolean');
});
