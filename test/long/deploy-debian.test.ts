// The Debian that `images make-debian` makes is deployed by the real environment and started from its disk by real firmware: by BIOS and by
// UEFI, and on arm64. Its owner logs in at the static address, and nothing of it has failed.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cachedDebianImage } from '../support/debian-image.ts';
import { ADDRESS, DeployedSystem, missingFor, PLATFORMS } from '../support/deployed-system.ts';

for (const platform of PLATFORMS) {
  describe(`Debian, deployed and started by ${platform.name}`, { skip: missingFor(platform) }, () => {
    let system: DeployedSystem;
    before(() => {
      system = new DeployedSystem(platform);
    });
    after(() => system.close());

    test('has its name, its address, its owner and the whole disk', async (t) => {
      await system.deploy(await cachedDebianImage((text) => t.diagnostic(text), platform.arch), t);
      await system.startFromDisk(t);
      const look = (command: string): string => system.logIn(command).stdout.trim();
      look('sudo systemctl is-system-running --wait');
      assert.equal(look('systemctl --failed --no-legend'), '', 'no unit has failed');
      assert.equal(look('hostname --fqdn'), 'calm-ibis.maas');
      assert.match(look('ip -4 -o address show scope global'), new RegExp(`inet ${ADDRESS}/24`));
      assert.match(look('ip -4 route show default'), /default via 10\.0\.2\.2 .*static/);
      assert.match(look('resolvectl dns'), /10\.0\.2\.3/);
      assert.match(look('cat /etc/machine-id'), /^[0-9a-f]{32}$/);
      assert.ok(Number(look('df --block-size=1M --output=size / | tail -1')) > 3600, 'the root has grown');
      assert.match(look('cat /etc/apt/apt.conf.d/90rackboot-proxy'), /10\.0\.2\.9:8000/);
      assert.equal(look('sudo cat /etc/cloud/cloud.cfg.d/90_rackboot.cfg'), 'datasource_list: [ None ]');
      assert.equal(look('sudo stat -c %a /etc/cloud/cloud.cfg.d/90_rackboot.cfg'), '600');
      assert.equal(look('test -d /sys/firmware/efi && echo yes'), platform.flash === undefined ? '' : 'yes');
      assert.match(look('sudo passwd --status root'), /^root L/, 'nobody logs in by a password');
    });
  });
}
