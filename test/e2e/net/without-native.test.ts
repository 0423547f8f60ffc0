// A host without the native library: everything still starts, by the portable way, and says why.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { missing } from '../../support/needs.ts';

const module = (path: string): string => new URL(`../../../src/${path}`, import.meta.url).href;

const PROGRAM = `
  import { registerHooks } from 'node:module';
  registerHooks({ resolve(name, context, next) {
    if (name === 'koffi') throw new Error('no koffi here');
    return next(name, context);
  } });
  const { openNetwork } = await import('${module('net/datagrams/open-network.ts')}');
  const { openInterfaceWatch } = await import('${module('net/watch/interfaces.ts')}');
  const { systemClock } = await import('${module('clock.ts')}');
  const network = await openNetwork();
  const watch = await openInterfaceWatch({ clock: systemClock });
  const names = watch.current().map((each) => each.name);
  console.log(JSON.stringify({ network: network.kind, watch: watch.kind, names, notes: [...network.notes, ...watch.notes] }));
  await watch.close();
  await network.close();
`;

describe('a host without native calls', { skip: missing('linux') }, () => {
  it('has portable sockets and polls its interfaces, and says why', () => {
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    const { network, watch, names, notes } = JSON.parse(out);
    assert.equal(network, 'dgram');
    assert.equal(watch, 'polled');
    assert.ok(names.includes('lo'));
    const said = JSON.stringify(notes);
    assert.ok(said.includes('{"note":"sockets-without-libc","reason":"no koffi here"}'), said);
    assert.ok(said.includes('{"note":"polling-needed","reason":"no koffi here"}'), said);
  });
});
