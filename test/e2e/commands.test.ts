// The commands as a user gives them on the host of a running rack: their output, their output for scripts, and their exit
// codes; and the API with the key that one of them prints.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { makeStandInTree } from '../../src/lab/safe-lab.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import type { Ended } from '../support/running-rack.ts';
import { RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'curl', 'busybox');
const RACK = '10.77.5.1';
const MACHINE = '52:54:00:77:07:01';
const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.77.5.0/24
    ip_range_low: 10.77.5.100
    ip_range_high: 10.77.5.199
  - name: later
    interface: eth9
    ip: 10.77.6.1
    network: 10.77.6.0/24
    ip_range_low: 10.77.6.100
    ip_range_high: 10.77.6.199
`;
const API = `http://${RACK}:5240/MAAS/api/2.0`;
const KEY = /^\w{18}:\w{18}:\w{24}\n$/;

describe('the commands on the host of a running rack', { skip }, () => {
  let rack: RackNetwork;
  let host = '';
  let key = '';

  before(async () => {
    rack = new RackNetwork('commands', RACK);
    makeStandInTree(rack.tree);
    host = rack.namespace.addHost('machine', MACHINE);
    await rack.run(host, 'ip', 'address', 'add', '10.77.5.50/24', 'dev', 'eth0');
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  const well = (ended: Ended): string => {
    assert.equal(ended.err, '');
    assert.equal(ended.code, 0);
    return ended.out;
  };
  const curl = async (...words: readonly string[]): Promise<{ code: string; body: string }> => {
    const { out } = await rack.run(host, 'curl', '-sS', '-w', '\n%{http_code}', ...words);
    const at = out.lastIndexOf('\n');
    return { code: out.slice(at + 1), body: out.slice(0, at) };
  };

  test('a rack without machines says so, and suggests what to do', async () => {
    assert.equal(
      well(await rack.rackboot('machines', 'list')),
      'No machine is known yet: let one boot from the network.\n',
    );
    assert.equal(well(await rack.rackboot('machines', 'list', '--json')), '[]\n');
    assert.equal(well(await rack.rackboot('leases', 'list')), 'There are no leases yet.\n');
  });

  test('createadmin reads its password where no other user sees it, and names the input that it refuses', async () => {
    const file = join(rack.directory, 'password');
    writeFileSync(file, 'correct horse battery\n', { mode: 0o600 });
    const made = well(await rack.rackboot('createadmin', '--username', 'ann', '--password-file', file));
    assert.match(made, /^ann is an administrator\. .*rackboot(?:\.js)? apikey --config \S+ --username ann$/m);
    const twice = await rack.rackboot('createadmin', '--username', 'ann', '--password-file', file);
    assert.equal(twice.code, 2);
    assert.match(twice.err, /^rackboot: The user ann exists already: choose another name/);
    const nothing = await rack.rackboot('createadmin', '--username', 'bob');
    assert.equal(nothing.code, 2);
    assert.match(nothing.err, /--password-file/);
    const absent = await rack.rackboot('createadmin', '--username', 'bob', '--password-file', '/nowhere');
    assert.equal(absent.code, 1);
    assert.match(absent.err, /there is no file \/nowhere; /);
    assert.equal((await rack.rackboot('createadmin')).code, 2, 'a name is needed');
  });

  test('apikey prints only the key; the API accepts it at once, and no other', async () => {
    const printed = await rack.rackboot('apikey', '--username', 'ann');
    key = well(printed);
    assert.match(key, KEY);
    const who = await curl('-H', `Authorization: ${authorizationOf(key.trim())}`, `${API}/users/?op=whoami`);
    assert.equal(who.code, '200');
    assert.equal(JSON.parse(who.body).username, 'ann');
    for (const wrong of [`${key.trim()}x`, key.replace(/^\w/, (letter) => (letter === 'a' ? 'b' : 'a')), '::']) {
      assert.equal(
        (await curl('-H', `Authorization: ${authorizationOf(wrong.trim())}`, `${API}/users/?op=whoami`)).code,
        '401',
        wrong,
      );
    }
    assert.equal((await curl(`${API}/machines/`)).code, '401');
    const nobody = await rack.rackboot('apikey', '--username', 'nobody');
    assert.equal(nobody.code, 1);
    assert.equal(nobody.out, '');
    assert.match(
      nobody.err,
      /there is no user nobody: `.*rackboot(?:\.js)? users list --config \S+` shows all, `.*rackboot(?:\.js)? users add --config \S+ nobody` makes one/,
    );
    for (const name of ['region.db', 'region.db-wal', 'rackboot.sock']) {
      assert.equal(statSync(join(rack.stateDir, name)).mode & 0o077, 0, `${name} is for its owner alone`);
    }
  });

  test('a machine and its lease are listed and shown, with the same values as in the API', async () => {
    await rack.run(host, 'busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true', '-x', 'hostname:web');
    const fields = [
      '-F',
      'op=new',
      '-F',
      'hostname=web1',
      '-F',
      'architecture=amd64/generic',
      '-F',
      'commission=false',
    ];
    const as = ['-H', `Authorization: ${authorizationOf(key.trim())}`];
    const made = await curl(
      ...as,
      ...fields,
      '-F',
      `mac_addresses=${MACHINE}`,
      `http://${RACK}:5240/MAAS/api/1.0/nodes/`,
    );
    assert.equal(made.code, '200', made.body);
    const { system_id: id } = JSON.parse(made.body);

    const table = well(await rack.rackboot('machines', 'list'));
    assert.match(table, /^SYSTEM ID +HOSTNAME +STATUS +ARCHITECTURE +CPUS +MEMORY +MAC +ADDRESSES$/m);
    assert.match(table, new RegExp(`^${id} +web1 +New +amd64/generic .* ${MACHINE}`, 'm'));
    const listed = machinesShape.parse(JSON.parse(well(await rack.rackboot('machines', 'list', '--json'))));
    const asked = await curl('-H', `Authorization: ${authorizationOf(key.trim())}`, `${API}/machines/`);
    assert.deepEqual(
      listed.map(({ system_id }) => system_id),
      machinesShape.parse(JSON.parse(asked.body)).map(({ system_id }) => system_id),
    );
    const spellings = [id, 'web1.maas', MACHINE, MACHINE.replaceAll(':', '-').toUpperCase()];
    for (const name of HAS_MANY_ROUNDS ? spellings : spellings.slice(1, 3)) {
      const shown = well(await rack.rackboot('machines', 'show', name));
      assert.match(shown, /^Name +web1\.maas$/m, name);
    }
    const one = JSON.parse(well(await rack.rackboot('machines', 'show', 'web1', '--json')));
    assert.equal(one.system_id, id);
    const unknown = await rack.rackboot('machines', 'show', 'web2');
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /no machine is called web2/);

    if (HAS_MANY_ROUNDS)
      for (const [words, isFound] of [
        [['--status', 'new'], true],
        [['--search', 'WEB', '--status', 'new', '--status', 'problem'], true],
        [['--status', 'problem'], false],
        [['--owner', 'ann'], false],
      ] as const) {
        const some = well(await rack.rackboot('machines', 'list', ...words));
        if (isFound) assert.match(some, new RegExp(`^${id} +web1 `, 'm'));
        else assert.equal(some, 'The only machine does not match.\n');
        const json = JSON.parse(well(await rack.rackboot('machines', 'list', '--json', ...words)));
        assert.equal(json.length, isFound ? 1 : 0, words.join(' '));
      }
    const odd = await rack.rackboot('machines', 'list', '--status', 'redy');
    assert.equal(odd.code, 2);
    assert.match(odd.err, /'redy' is not a state\. Did you mean ready\? The states are problem, work, new, /);

    const lines = well(await rack.rackboot('leases', 'list'));
    assert.match(lines, new RegExp(`^10\\.77\\.5\\.1\\d\\d +${MACHINE} +bound +web1 +\\d{4}-`, 'm'));
    const [lease] = leasesShape.parse(JSON.parse(well(await rack.rackboot('leases', 'list', '--json'))));
    assert.equal(lease?.hostname, 'web');
    assert.equal(lease?.machine, 'web1');
  });

  test('commands say that the rack does not run', async () => {
    await rack.stop();
    const asking = [['status'], ['neighbours'], ['machines', 'list', '--json']];
    for (const words of HAS_MANY_ROUNDS ? asking : asking.slice(0, 1)) {
      const ended = await rack.rackboot(...words);
      assert.equal(ended.code, 1);
      assert.equal(ended.out, '');
      assert.match(
        ended.err,
        /^rackboot: no running Rackboot answers at .*rackboot\.sock; `sudo (?:node \S+)?rackboot(?:\.js)? run --config \S+` starts it, --config names another\n$/,
      );
    }
    assert.match(well(await rack.rackboot('apikey', '--username', 'ann')), KEY);
  });
});
