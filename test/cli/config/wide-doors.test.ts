// A list of clients that holds the whole Internet is warned of where it is set, and by `check`.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runRackboot } from '../../support/running-rack.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-doors-'));
after(() => rmSync(place, { recursive: true }));
const file = join(place, 'rackboot.yaml');
writeFileSync(file, `state_dir: ${join(place, 'state')}\nname: doors\n`);

const run = async (...words: readonly string[]): Promise<string> => {
  const { code, output, complaints } = await runRackboot([...words, '--config', file]);
  assert.equal(code, 0, complaints.join('\n'));
  return output.join('\n');
};

test('config set and check warn of a door for everybody', async () => {
  assert.doesNotMatch(await run('config', 'set', 'tftp.allow', '[192.0.2.0/24]'), /Beware/);
  assert.match(
    await run('config', 'set', '--replace', 'tftp.allow', '[0.0.0.0/0]'),
    /^Beware {2}tftp\.allow has 0\.0\.0\.0\/0: /m,
  );
  const dns = await run('config', 'set', 'dns.allow_recursion', '[0.0.0.0/0]');
  assert.match(dns, /^Beware {2}dns\.allow_recursion has 0\.0\.0\.0\/0: /m);
  assert.doesNotMatch(dns, /tftp/, 'only of what was set');
  assert.match(await run('check'), /is fine.*\nBeware {2}tftp\.allow .*\nBeware {2}dns\.allow_recursion /);
});
