// `rackboot check` of the file of a region apart from its racks.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { errorText } from '../../../src/ground/errors.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { readableCheckout } from '../../support/another-user.ts';
import { makeAuthority } from '../../support/authority.ts';
import { portOf } from '../../support/listening-port.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';
import { printedBy } from '../../support/printed.ts';

const place = mkdtempSync(join(tmpdir(), 'rackboot-check-region-'));
after(() => rmSync(place, { recursive: true }));

async function checked(text: string, ...words: readonly string[]) {
  const file = join(place, 'region.yaml');
  writeFileSync(file, `name: hall\nstate_dir: ${place}\n${text}\n`);
  return await printedBy(() => runCommandLine([...words, '--config', file]));
}

/** A user of every Debian, with a group of its own. */
const DAEMON = { uid: 1, gid: 1 };
/** What another user can read, whom a command of root becomes. */
const OPEN = readable();
const REGION = 'region: { store: { kind: sqlite } }';

function readable(): { readonly node: string; readonly main: string } {
  const { root, node } = readableCheckout();
  return { node, main: join(root, 'src/main.ts') };
}

test("a region's file is judged as one, whichever command checks it", async () => {
  for (const words of [['check'], ['region', 'check']]) {
    const { text, complaint, result } = await checked(REGION, ...words);
    assert.deepEqual([result, complaint], [0, '']);
    assert.match(text, /region\.yaml is fine: the region serves 127\.0\.0\.1:5240, on region\.db/);
  }
});

test('an interrupted copy in its state directory is a problem', async () => {
  const unfinished = join(place, 'region.db.unfinished');
  writeFileSync(unfinished, '');
  const { complaint, result } = await checked(REGION, 'region', 'check');
  rmSync(unfinished);
  assert.equal(result, 1);
  assert.match(complaint, /:2: state_dir: a copy into .*region\.db was not finished: repeat the command/);
});

test("a rack's key in it belongs in the file of a rack, and the text names no command of this file", async () => {
  const { complaint } = await checked(`${REGION}\ndhcp: {}`, 'check');
  assert.match(complaint, /:4: dhcp: belongs in the file of a rack, .*: move it there$/m);
  assert.doesNotMatch(complaint, /rackboot run/);
});

test("a rack's file that names a store is judged as a rack's", async () => {
  const { complaint } = await checked('region: { mode: embedded, store: { kind: sqlite } }', 'check');
  assert.match(complaint, /:3: region\.store: belongs in the file of a region/);
});

test('a difference to the running region is refused, with the command that shows its values', async () => {
  for (const words of [
    ['check', '--diff'],
    ['region', 'check', '--diff'],
  ]) {
    const { complaint, result } = await checked(REGION, ...words);
    assert.equal(result, 2);
    assert.match(complaint, /^rackboot: --diff .*config show --config \S+` shows/m);
  }
});

test('a file that the store names and that is absent, empty or no certificate is a problem of its key, with the remedy', async () => {
  const [password, ca] = [join(place, 'password'), join(place, 'ca.pem')];
  const text = [
    'region:',
    '  store:',
    '    kind: postgresql',
    '    url: postgresql://rackboot@db.example/rackboot',
    `    password_file: ${password}`,
    `    ca_file: ${ca}`,
  ].join('\n');
  const { complaint, result } = await checked(text, 'region', 'check');
  assert.equal(result, 1);
  assert.match(
    complaint,
    /:7: region\.store\.password_file: there is no file \S+password; .*`ls \S+` lists the files there$/m,
  );
  assert.match(complaint, /:8: region\.store\.ca_file: there is no file \S+ca\.pem; /);

  writeFileSync(password, '\n');
  writeFileSync(ca, 'no certificate\n');
  const other = await checked(text, 'region', 'check');
  assert.match(other.complaint, /password_file: .*\S+password is empty: /m);
  assert.match(other.complaint, /ca_file: \S+ca\.pem holds no certificate in PEM form/);

  writeFileSync(password, 'hush\n');
  writeFileSync(ca, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const damaged = await checked(text, 'check');
  assert.match(damaged.complaint, /ca_file: .*\S+ca\.pem is damaged \(/m);

  const words = ['-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=db.example', '-keyout', join(place, 'key'), '-out', ca];
  execFileSync('openssl', ['req', '-x509', ...words], { stdio: 'ignore' });
  const good = await checked(text, 'region', 'check');
  assert.deepEqual([good.result, good.complaint], [0, '']);
});

test('an interrupted copy into its database is a problem of the URL, but a database that does not answer is not one', {
  skip: missing('linux', '/usr/lib/postgresql'),
}, async () => {
  const databases = await RegionDatabases.start();
  try {
    const { server } = databases;
    const name = await databases.make();
    const { url } = server.placeOf(name);
    const text = `region:\n  store:\n    kind: postgresql\n    url: "${url}"`;
    const whole = await checked(text, 'region', 'check');
    assert.deepEqual([whole.result, whole.complaint], [0, '']);
    assert.doesNotMatch(whole.text, /^Note/m);

    await server.query('UPDATE rackboot SET version = -version', name);
    const { complaint, result } = await checked(text, 'region', 'check');
    assert.equal(result, 1);
    const refusal = await openPostgresRegion(server.placeOf(name), 'one').catch(errorText);
    assert.match(String(refusal), /a copy into the region's database was not finished: repeat the command/);
    // The command line writes the commands as they are called here.
    const withoutCommands = (words: string): string => words.replaceAll(/`[^`]*`/g, '`…`');
    assert.match(complaint, /`\S.*region copy`/);
    assert.ok(
      withoutCommands(complaint).includes(`:6: region.store.url: ${withoutCommands(String(refusal))}`),
      complaint,
    );

    const refused = await checked(text.replace(name, 'nonesuch'), 'region', 'check');
    assert.deepEqual([refused.result, refused.complaint], [0, '']);
    assert.match(refused.text, /^Note {4}the region's database refuses .*; an interrupted copy was not looked for$/m);

    await server.end('SIGINT');
    const away = await checked(text, 'region', 'check');
    assert.deepEqual([away.result, away.complaint], [0, '']);
    assert.match(
      away.text,
      /^Note {4}the region's database cannot be used now .*; an interrupted copy was not looked for$/m,
    );
  } finally {
    await databases.close();
  }
});

test('the files are read as the user that runs the region, with its groups', { skip: missing('linux', 'root') }, () => {
  const state = join(place, 'state');
  const file = join(place, 'groups.yaml');
  const password = join(place, 'of-the-group');
  mkdirSync(state);
  chmodSync(place, 0o755);
  // The group of the directory is root, as after `install -d -o USER`.
  chownSync(state, DAEMON.uid, 0);
  writeFileSync(password, 'hush\n');
  writeFileSync(
    file,
    `state_dir: ${state}\nregion: { store: { kind: postgresql, url: "postgresql:///x?host=/run", password_file: ${password} } }\n`,
  );
  const check = (gid: number) => {
    chownSync(password, 0, gid);
    chmodSync(password, 0o640);
    const run = spawnSync(OPEN.node, [OPEN.main, 'region', 'check', '--config', file], { encoding: 'utf8' });
    return { status: run.status, said: run.stdout + run.stderr };
  };
  const { status, said } = check(DAEMON.gid);
  assert.deepEqual([status, /is fine/.test(said)], [0, true], said);
  const refused = check(0);
  assert.equal(refused.status, 1);
  assert.match(
    refused.said,
    /password_file: daemon may not read \S+: it belongs to root; .*mode 644, or for a secret 640/,
  );
  assert.doesNotMatch(refused.said, /sudo/);
});

test('the key of boot.http.tls is read as the user that runs the rack', { skip: missing('linux', 'root') }, () => {
  const state = join(place, 'rack-state');
  const file = join(place, 'rack.yaml');
  mkdirSync(state);
  chmodSync(place, 0o755);
  chownSync(state, DAEMON.uid, DAEMON.gid);
  const { cert, key } = makeAuthority(place, systemClock.wallTimeMs()).issue('rack');
  writeFileSync(file, `state_dir: ${state}\nboot: { http: { tls: { cert: ${cert}, key: ${key} } } }\n`);
  const check = (mode: number) => {
    chmodSync(key, mode);
    const run = spawnSync(OPEN.node, [OPEN.main, 'check', '--config', file], { encoding: 'utf8' });
    return { status: run.status, said: run.stdout + run.stderr };
  };
  chmodSync(cert, 0o644);
  const refused = check(0o600);
  assert.equal(refused.status, 1);
  assert.match(refused.said, /boot\.http\.tls: \S+ cannot be read \(EACCES\)/);
  const accepted = check(0o644);
  assert.doesNotMatch(accepted.said, /boot\.http\.tls:/);
  assert.match(accepted.said, /^Beware {2}the key \S+ is not RSA/m);
});

test('a state directory that is missing and that the user of the service cannot create is a problem, with the remedy', {
  skip: missing('linux', 'root'),
}, () => {
  const own = join(place, 'of-daemon');
  mkdirSync(own);
  chmodSync(place, 0o755);
  chownSync(own, DAEMON.uid, DAEMON.gid);
  const file = join(place, 'directory.yaml');
  const check = (state: string) => {
    writeFileSync(file, `state_dir: ${state}\n${REGION}\n`);
    const words = [OPEN.main, 'region', 'check', '--config', file];
    const run = spawnSync(OPEN.node, words, { ...DAEMON, encoding: 'utf8' });
    return { status: run.status, said: run.stdout + run.stderr };
  };
  const refused = check(join(place, 'closed', 'state'));
  assert.equal(refused.status, 1, refused.said);
  assert.match(refused.said, /:1: state_dir: .*\S+state cannot be created \(EACCES\): .*sudo install -d -o daemon /);
  for (const state of [join(own, 'new', 'state'), '/var/lib/rackboot-region'])
    assert.equal(check(state).status, 0, check(state).said);
});

test('a port of metrics.listen that another process has is named, with its key', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const port = portOf(taken);
  const metrics = `metrics: { listen: ["127.0.0.1:${port}"] }`;
  try {
    for (const [text, words] of [
      [`${REGION}\n${metrics}`, ['region', 'check']],
      [metrics, ['check']],
    ] as const) {
      const { text: said } = await checked(text, ...words);
      assert.match(
        said,
        /^Beware {2}127\.0\.0\.1:\d+ \(TCP\), which metrics\.listen needs, belongs to .*: stop it, or change metrics\.listen$/m,
      );
    }
  } finally {
    taken.close();
  }
});
