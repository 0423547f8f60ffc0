// Every profile in docs/profiles.md is parsed, stored over the API, and rendered for each loader, because readers copy it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { type Profile, parseProfileInitrd } from '../../src/boot/profile.ts';
import { profileList } from '../../src/config/profile-list.ts';
import { assetContext, MACS, machine, PEER } from '../boot/rack.ts';
import { withAskedApi } from '../region/asked-api.ts';
import { RACK } from '../support/lab-facts.ts';
import { partsOf, readDocument } from './markdown.ts';

const WRITTEN: readonly Readonly<Record<string, unknown>>[] = partsOf(readDocument('docs/profiles.md')).flatMap(
  (part) =>
    part.kind === 'block' && part.language === 'yaml' ? (parse(part.lines.join('\n')).boot?.profiles ?? []) : [],
);

const NAMED = [
  'memtest',
  'talos',
  'flatcar',
  'fedora-coreos',
  'debian-live',
  'ubuntu-live',
  'alpine',
  'systemrescue',
  'winpe',
];
const LOADERS = ['memdisk', 'ipxe.lkrn', 'ipxe.efi'];
const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const PATHS = {
  pxelinux: 'pxelinux.cfg/01-52-54-00-00-00-0d',
  grub: 'grub/grub.cfg-52:54:00:00:00:0d',
  ipxe: 'ipxe.cfg-52-54-00-00-00-0d',
};

const filesOf = ({ file, initrds }: Profile): readonly string[] => [
  file,
  ...initrds.map((text) => parseProfileInitrd(text)?.file ?? text),
];

test('the document has an example of everything that it promises', () => {
  const names = WRITTEN.map(({ name }) => name);
  assert.deepEqual(
    NAMED.filter((name) => !names.includes(name)),
    [],
  );
});

test('each example that starts a program names the processor of it', () => {
  const without = WRITTEN.filter(({ kind, architecture }) => kind !== 'ipxe' && architecture === undefined);
  assert.deepEqual(
    without.map(({ name }) => name),
    [],
  );
});

for (const written of WRITTEN) {
  const name = String(written.name);
  const [profile] = profileList.parse([{ ...written, machines: ['local-1'] }]);
  for (const [language, path] of Object.entries(PATHS))
    test(`${name} is rendered for ${language}`, () => {
      assert.ok(profile !== undefined);
      const context = assetContext({
        config: { profiles: [profile] },
        machines: [machine('local', { uuid: UUID })],
        files: [...filesOf(profile), ...LOADERS],
        lease: MACS.local,
      });
      const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, context);
      assert.ok(asset.kind === 'rendered');
      const isForUefi = profile.kind === 'efi' && language === 'pxelinux';
      assert.equal(asset.purpose, isForUefi ? 'loader-cannot' : `profile:${name}`);
      assert.doesNotMatch(asset.text, /(?<!\$)\{[a-z_]+\}/, 'no placeholder is left');
    });
}

test('each is stored over the API as it is written', () =>
  withAskedApi(async ({ ask }) => {
    for (const written of new Map(WRITTEN.map((one) => [one.name, one])).values()) {
      const fields = Object.entries(written).map(([key, value]) => [key, Array.isArray(value) ? value : String(value)]);
      const { status, json } = await ask('POST', '2.0/profiles/', Object.fromEntries(fields));
      assert.equal(status, 200, JSON.stringify(json));
      for (const [key, value] of Object.entries(written)) assert.deepEqual(json[key], value, `${written.name}: ${key}`);
    }
  }));
