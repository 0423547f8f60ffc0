// The commands that a region proposes to an administrator name its configuration file, unless the commands find it without.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RACK_CONFIG, type RegionConfig } from '../../../src/region/config.ts';
import { type LiveRegion, startRegion } from '../live.ts';
import { acceptRack, OTHER_UUID, RACK_UUID, rackAuthorization, registrationFields } from './rack-place.ts';

const values = {};
const rack = (file: string): Partial<RegionConfig> => ({ ownRack: { file, values, uuid: OTHER_UUID, name: 'own' } });
const PLACES: readonly (readonly [name: string, config: Partial<RegionConfig>, words: string])[] = [
  ['of a region without a rack', { ownFile: { file: '/srv/region.yaml', values } }, ' --config /srv/region.yaml'],
  ['of a region with a rack', rack('/srv/a rack.yaml'), " --config '/srv/a rack.yaml'"],
  ['at the usual place', rack(RACK_CONFIG), ''],
];

const register = async ({ origin }: LiveRegion, more: Readonly<Record<string, string>> = {}): Promise<string> => {
  const body = new URLSearchParams(registrationFields(more));
  return (await fetch(`${origin}/MAAS/api/2.0/nodegroups/?op=register`, { method: 'POST', body })).text();
};

for (const [name, config, words] of PLACES) {
  test(`with a file ${name}, each proposed command reads it`, async () => {
    const live = await startRegion(config);
    const shows = (text: string, command: string): void => {
      const { length } = command;
      const at = text.indexOf(command);
      assert.ok(at !== -1, text);
      assert.match(text.slice(at + length), new RegExp(`^${words}(?! --config)["\\s]*(?:[,}\\]].*)?$`), text);
    };
    try {
      shows(await register(live), 'sudo rackboot racks accept rack-2');
      const state = await fetch(`${live.origin}/MAAS/uplink/1/racks/${RACK_UUID}/state`, {
        headers: { authorization: rackAuthorization() },
      });
      shows(await state.text(), 'sudo rackboot racks accept rack-2');
      const another = { token: 'token-of-another', secret_digest: 'ab'.repeat(32) };
      shows(await register(live, another), `sudo rackboot racks remove ${RACK_UUID}`);
      await acceptRack(live.region);
      const uuid = '11111111-2222-4333-8444-555555555503';
      shows(await register(live, { ...another, uuid }), `sudo rackboot racks remove ${RACK_UUID}`);
      await live.region.racks.judge([RACK_UUID], 'reject', 'admin');
      shows(await register(live), `sudo rackboot racks remove ${RACK_UUID}`);
    } finally {
      await live.close();
    }
  });
}
