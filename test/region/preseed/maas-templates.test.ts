// Templates as MAAS's users have them: they render, and the values stay what they are.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { renderPreseed } from '../../../src/region/preseed/preseed.ts';
import { mistakeText } from '../../../src/region/records/preseed-mistake.ts';
import { REQUEST, templates } from './place.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'preseeds');
const curtin = { ...REQUEST, purpose: 'curtin_userdata' } as const;

function render(source: string): string {
  const result = renderPreseed(curtin, templates({ curtin_userdata: source }));
  return result.ok ? result.text : `${result.line}: ${mistakeText(result.mistake)}`;
}
const rendered = (file: string) => parse(render(readFileSync(join(FIXTURES, file), 'utf8')), { version: '1.1' });

const ANSWERS = [
  'cloud-init cloud-init/datasources multiselect MAAS',
  'cloud-init cloud-init/maas-metadata-url string http://10.20.0.1:5248/MAAS/metadata/',
  'cloud-init cloud-init/maas-metadata-credentials string oauth_consumer_key=consumer&oauth_token_key=token&oauth_token_secret=secret',
];
const WRITTEN = ['wget', '--no-proxy', 'http://10.20.0.1:5248/MAAS/metadata/latest/by-id/4y3h7n/'];

test("MAAS's template for curtin renders, with code in a branch that is not taken", () => {
  const { debconf_selections, early_commands, late_commands } = rendered('curtin_userdata');
  assert.deepEqual(debconf_selections.maas.trimEnd().split('\n'), ANSWERS);
  assert.deepEqual(Object.keys(early_commands), ['10_none']);
  assert.deepEqual(late_commands.maas, [...WRITTEN, '--post-data', 'op=netboot_off', '-O', '/dev/null']);
});

test("a template for packer-maas's images renders", () => {
  const { debconf_selections, late_commands } = rendered('curtin_userdata_custom');
  assert.deepEqual(debconf_selections.maas.trimEnd().split('\n'), ANSWERS);
  assert.deepEqual(late_commands.maas.slice(0, 3), WRITTEN);
  assert.equal(late_commands['10_series'][2], 'if [ "bookworm" = "bookworm" ]; then echo one; fi');
});

test('names, methods and choices of site templates have the values that MAAS gives them', () => {
  const { rsyslog, apt, write_files } = rendered('curtin_userdata_syslog');
  assert.equal(rsyslog.remotes.maas, '10.20.0.1:514');
  assert.equal(apt.primary[0].uri, 'http://archive.ubuntu.com/');
  assert.equal(write_files[0].content, 'calm-ibis of bookworm: a, b # no comment\npc\n');
});

describe('a value in a block scalar', () => {
  const value = '{{py: x = "a" + ": b # c".lower()}}';
  const rows: readonly [name: string, text: string, written: boolean][] = [
    ['of a key is text', 'a: |\n  {{x}}\n', true],
    ['of a deep key is text', 'a:\n  - b: >-\n     {{x}}\n', true],
    ['of an item is text', '- |\n {{x}}\n', true],
    ['after an empty line is text', 'a: |\n  x\n\n  {{x}}\n', true],
    ['that has ended is not', 'a: |\n  x\nb: {{x}}\n', false],
    ['that is not indented is not', 'a: |\n{{x}}\n', false],
    ['of a key behind a dash needs the indentation of the key', '- a: |\n  {{x}}\n', false],
    ['that a comment seems to open is not', '# a: |\nb:\n  {{x}}\n', false],
    ['inside quotes is not', 'a: "\nb: |\n  {{x}}"\n', false],
    ['inside a flow is not', 'a: [\nb: |\n  {{x}}]\n', false],
  ];
  for (const [name, text, written] of rows)
    test(name, () => {
      const found = render(`#cloud-config\n${value}\n${text}`);
      assert.equal(found.includes('a: b # c'), written, found);
    });
});

test('code is refused where it is reached, with its line, itself and the remedy', () => {
  assert.match(render('#cloud-config\n{{py: import os}}\n'), /^2: "import os" is not supported: .*\{\{py: NAME = /);
  assert.match(render('#cloud-config\n{{if driver}}{{py: import os}}{{endif}}a: b\n'), /^#cloud-config\na: b/);
  assert.match(render('a: {{hostname.title()}}'), /^1: title\(\) cannot be called; the methods are: endswith, /);
  assert.match(render('a: {{hostname.split("")}}'), /^1: split\(\) cannot be called with these values/);
  assert.match(render('a: {{ssh_keys.strip()}}'), /^1: strip\(\) cannot be called .* a list/);
});
