// Each option with a legal range, a choice or a shape: a value just outside is refused with path, value, rule and RFC, a value just inside
// is accepted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblems } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/load.ts';
import { NAMED_OPTIONS } from '../../src/dhcp/wire/option-table.ts';

const LAB = `cluster_interfaces:
  - name: lab
    interface: eth1
    ip: 10.20.0.1
    network: 10.20.0.0/24
    ip_range_low: 10.20.0.100
    ip_range_high: 10.20.0.199
    options: [`;

/** The problems of an option written so; empty: none. */
function problemsOf(words: string): string {
  const parsed = parseConfig(`${LAB}{ ${words} }]\n`);
  return parsed.ok ? '' : formatProblems('f', parsed.problems);
}

interface Rule {
  /** Refused values, each with the place in the value and the text found there. */
  readonly illegal: readonly (readonly [value: string, at: string, found: string])[];
  readonly legal: readonly string[];
  /** Part of the rule's text. */
  readonly rule: string;
  readonly source: string;
}

const FLAG: Pick<Rule, 'illegal' | 'legal' | 'rule'> = {
  illegal: [['"02", type: hex', '', '2']],
  legal: ['true', 'false', '"01", type: hex'],
  rule: 'one of 0, 1',
};
const SIX_RD = `${'00'.repeat(16)}0a140001`;

const RULES: Readonly<Record<number, Rule>> = {
  1: {
    illegal: [
      ['255.0.255.0', '', '255.0.255.0'],
      ['"ff00ff00", type: hex', '', '255.0.255.0'],
    ],
    legal: ['255.255.0.0'],
    rule: 'a subnet mask',
    source: 'RFC 2132 §3.3',
  },
  12: { illegal: [['bad name', '', '"bad name"']], legal: ['a-1.lab'], rule: 'letters', source: 'RFC 2132 §3.14' },
  19: { ...FLAG, source: 'RFC 2132 §4.1' },
  20: { ...FLAG, source: 'RFC 2132 §4.2' },
  22: {
    illegal: [
      ['575', '', '575'],
      ['0', '', '0'],
      ['"023f", type: hex', '', '575'],
    ],
    legal: ['576', '65535'],
    rule: '576 to 65535',
    source: 'RFC 2132 §4.4',
  },
  23: {
    illegal: [
      ['0', '', '0'],
      // No byte can hold it, and still the legal values are told.
      ['256', '', '256'],
    ],
    legal: ['1', '255'],
    rule: '1 to 255',
    source: 'RFC 2132 §4.5',
  },
  25: {
    illegal: [
      ['[67]', '[0]', '67'],
      ['[68, 67]', '[1]', '67'],
      ['[296, 68]', '[1]', '68'],
    ],
    legal: ['[68]', '[68, 68, 65535]'],
    rule: '68 to 65535, from the smallest',
    source: 'RFC 2132 §4.7',
  },
  26: { illegal: [['67', '', '67']], legal: ['68', '65535'], rule: '68 to 65535', source: 'RFC 2132 §5.1' },
  27: { ...FLAG, source: 'RFC 2132 §5.2' },
  29: { ...FLAG, source: 'RFC 2132 §5.4' },
  30: { ...FLAG, source: 'RFC 2132 §5.5' },
  31: { ...FLAG, source: 'RFC 2132 §5.6' },
  33: {
    illegal: [
      ['[[0.0.0.0, 10.20.0.254]]', '[0][0]', '0.0.0.0'],
      ['[[10.9.0.0, 10.20.0.254], [0.0.0.0, 10.20.0.254]]', '[1][0]', '0.0.0.0'],
    ],
    legal: ['[[10.9.0.0, 10.20.0.254]]'],
    rule: 'destinations other than 0.0.0.0',
    source: 'RFC 2132 §5.8',
  },
  34: { ...FLAG, source: 'RFC 2132 §6.1' },
  36: { ...FLAG, source: 'RFC 2132 §6.3' },
  37: {
    illegal: [
      ['0', '', '0'],
      ['256', '', '256'],
    ],
    legal: ['1', '255'],
    rule: '1 to 255',
    source: 'RFC 2132 §7.1',
  },
  39: { ...FLAG, source: 'RFC 2132 §7.3' },
  46: {
    illegal: [
      ['0', '', '0'],
      ['3', '', '3'],
      ['16', '', '16'],
    ],
    legal: ['1', '2', '4', '8'],
    rule: 'one of 1, 2, 4, 8',
    source: 'RFC 2132 §8.7',
  },
  97: {
    illegal: [['"00"', '', '00']],
    legal: [`"00${'ab'.repeat(16)}"`],
    rule: '00 and the 16 bytes',
    source: 'RFC 4578 §2.3',
  },
  114: {
    illegal: [['portal', '', '"portal"']],
    legal: ['"https://portal.example/api"', '"urn:ietf:params:capport:unrestricted"'],
    rule: 'a URI',
    source: 'RFC 8910 §2.1',
  },
  116: { illegal: [['2', '', '2']], legal: ['0', '1'], rule: 'one of 0, 1', source: 'RFC 2563 §2' },
  117: {
    illegal: [
      ['[6, 42]', '[1]', '42'],
      ['[6, 65536]', '[1]', '65536'],
    ],
    legal: ['[0, 6, 41, 44, 65]'],
    rule: 'a list of 0, 6, 41, 44, 65',
    source: 'RFC 2937 §2',
  },
  120: {
    illegal: [
      ['"02"', '', '02'],
      ['"01"', '', '01'],
      ['"010a1400"', '', '010a1400'],
      ['"00036c6162"', '', '00036c6162'],
    ],
    legal: ['"010a140001"', '"00036c616200"'],
    rule: '00 and names as labels, or 01 and addresses',
    source: 'RFC 3361 §3',
  },
  132: {
    illegal: [['4095', '', '4095']],
    legal: ['0', '4094', '"00000fff", type: hex'],
    rule: '0 to 4094',
    source: 'IEEE 802.1Q',
  },
  133: { illegal: [['8', '', '8']], legal: ['0', '7'], rule: '0 to 7', source: 'IEEE 802.1Q' },
  212: {
    illegal: [
      [`"2110${SIX_RD}"`, '', `2110${SIX_RD}`],
      [`"0061${SIX_RD}"`, '', `0061${SIX_RD}`],
      [`"0820${SIX_RD.slice(0, -2)}"`, '', `0820${SIX_RD.slice(0, -2)}`],
      [`"0820${SIX_RD.slice(0, 32)}"`, '', `0820${SIX_RD.slice(0, 32)}`],
    ],
    legal: [`"0820${SIX_RD}"`, `"0060${SIX_RD}"`],
    rule: 'an IPv4 mask of 0 to 32 bits',
    source: 'RFC 5969 §7.1.1',
  },
};

test('an illegal value of any option is refused with the rule and its RFC, a legal one just inside accepted', () => {
  for (const [code, { illegal, legal, rule, source }] of Object.entries(RULES)) {
    const name = NAMED_OPTIONS.find((row) => String(row.code) === code)?.name ?? assert.fail(code);
    for (const [value, at, found] of illegal) {
      const reported = problemsOf(`code: ${code}, value: ${value}`);
      const path = `cluster_interfaces[0].options[0].value${at}: `;
      const about = `option ${code}, ${value}: ${reported}`;
      assert.ok(reported.includes(`${path}${found} is not legal: option ${code} (${name}) is `), about);
      assert.ok(reported.includes(rule) && reported.endsWith(`(${source})`), about);
    }
    for (const value of legal)
      assert.equal(problemsOf(`code: ${code}, value: ${value}`), '', `option ${code}, ${value}`);
  }
});

test('every row of the table with a rule has its case here, and every row names its source', () => {
  for (const { code, name, type, legal, source } of NAMED_OPTIONS) {
    const hasRule = legal !== undefined || type === 'bool';
    const remedy = hasRule ? 'add its case to RULES in this file' : 'remove its case from RULES: its row has no rule';
    assert.equal(RULES[code] !== undefined, hasRule, `option ${code}, ${name}: ${remedy}`);
    assert.match(source, /^(RFC \d{4}( §\d+(\.\d+)*)?|IEEE 802\.1Q|MS-DHCPE|iPXE|WPAD draft)$/, name);
  }
});

/** Bytes with a length or shape that the type does not allow; the last of each type is legal. */
const SHAPES: Readonly<Record<string, readonly string[]>> = {
  ip: ['0a1400', '0a140001ff', '0a140001'],
  'ip-list': ['0a1400', '0a140001ff', '0a1400010a140002'],
  'ip-pairs': ['0a140001', '0a1400010a14000200', '0a1400010a140002'],
  u8: ['0101', '01'],
  u16: ['01', '010101', '0400'],
  u32: ['01', '0101010101', '00000001'],
  i32: ['01', 'fffffff0'],
  bool: ['0101', '01'],
  'u16-list': ['01', '010000', '0100'],
  'domain-list': ['036c6162', '4000', '036c6162c000', '036c616200c000'],
  routes: ['21', '100a090a1400', '100a090a1400fd'],
  'vendor-identifying': ['00000001', '0000000103', '00000001030102', '0000000103010102'],
};

test('bytes written as hex must have the shape of the option, unless the vendor defines its contents', () => {
  const free = new Set([43, 132, 133, 175, 252]);
  for (const { code, name, type } of NAMED_OPTIONS) {
    const shapes = SHAPES[type];
    // Without a shape, or covered by a rule above.
    if (shapes === undefined) continue;
    for (const [index, bytes] of shapes.entries()) {
      const isWrong = index < shapes.length - 1 && !free.has(code);
      const reported = problemsOf(`code: ${code}, type: hex, value: "${bytes}"`);
      if (isWrong) assert.match(reported, /value: .+ in option \d+ \(.+\) \(.+\)$/, `${name} ${bytes}`);
      else assert.doesNotMatch(reported, /in option/, `${name} ${bytes}: ${reported}`);
    }
  }
});
