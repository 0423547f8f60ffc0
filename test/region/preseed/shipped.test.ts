// The shipped templates: each renders for every kind of machine, its reader accepts it, and values stay unchanged.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseSshKey } from '../../../src/region/accounts/ssh-keys.ts';
import { renderPreseed } from '../../../src/region/preseed/preseed.ts';
import { type PreseedRequest, PURPOSES, type Purpose } from '../../../src/region/preseed/request.ts';
import { mistakeText } from '../../../src/region/records/preseed-mistake.ts';
import { missing } from '../../support/needs.ts';
import { REQUEST, templates } from './place.ts';

const purposes = Object.keys(PURPOSES).filter((name): name is Purpose => Object.hasOwn(PURPOSES, name));
const machine = REQUEST.machine ?? assert.fail();

const CASES: readonly (readonly [string, Partial<PreseedRequest>])[] = [
  ['typical', {}],
  ['Ubuntu', { osystem: 'ubuntu', release: 'jammy' }],
  ['Ubuntu on arm64', { osystem: 'ubuntu', machine: { ...machine, architecture: 'arm64' } }],
  ['trixie', { release: 'trixie' }],
  [
    'everything set',
    { httpProxy: 'http://10.20.0.1:8000/', installDisk: '/dev/nvme0n1', ntpServers: ['10.20.0.1', '10.20.0.2'] },
  ],
  ['nothing set', { kernelParams: '', sshKeys: [], machine: { ...machine, domain: '' } }],
  ['no os', { osystem: '', release: '' }],
  ['a mirror at a port of its own', { mirrors: { ...REQUEST.mirrors, debian: 'https://mirror.example:8443/d' } }],
  ['hostile keys', { sshKeys: ['ssh-rsa AAAA it\'s $(touch /tmp/owned) `id` "x" # ; rm', 'ssh-rsa BBBB -e'] }],
  ['a hostile secret', { credentials: { consumerKey: "c'", tokenKey: 't$(id)', tokenSecret: 's`id`; "' } }],
];

const textOf = (request: PreseedRequest): string => {
  const result = renderPreseed(request, templates());
  assert.ok(result.ok, JSON.stringify(result));
  return result.text;
};

const at = (value: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>(
    (one, key) => (typeof one === 'object' && one !== null ? Reflect.get(one, key) : undefined),
    value,
  );

/** The command of a question in a file for debconf, put together as debconf does. */
function commandOf(answers: string, question: string): string {
  const lines = answers.replace(/\\\n/g, '').split('\n');
  return lines.find((line) => line.startsWith(`d-i ${question} string`))?.replace(/^\S+\s+\S+\s+\S+\s/, '') ?? '';
}

function checkShell(script: string): void {
  execFileSync('sh', ['-n'], { input: script });
}

for (const [name, more] of CASES) {
  for (const purpose of purposes) {
    test(`${purpose}, ${name}: renders, and can be read`, { skip: missing('linux') }, () => {
      const request = { ...REQUEST, ...more, purpose };
      if (purpose === 'install' && name === 'a hostile secret') {
        // JSON writes a double quote with a back-slash, which debconf does not keep.
        const result = renderPreseed(request, templates());
        assert.match(result.ok ? '' : mistakeText(result.mistake), /back-slash/);
        return;
      }
      const text = textOf(request);
      assert.doesNotMatch(text, /{{|undefined|\[object/);
      const { language } = PURPOSES[purpose];
      if (language === 'yaml') {
        for (const version of ['1.1', '1.2'] as const) assert.equal(typeof parse(text, { version }), 'object');
        assert.equal(purpose === 'autoinstall_metadata', !text.startsWith('#cloud-config\n'));
      } else if (language === 'shell') checkShell(text);
      else {
        checkShell(commandOf(text, 'preseed/late_command'));
        for (const line of text.replace(/\\\n/g, '').split('\n'))
          assert.match(line, /^$|^[\w-]+ [\w/.-]+ (string|boolean|select|multiselect|password|note)( .*)?$/);
      }
    });
  }
}

for (const [name, more] of CASES) {
  test(`debconf takes every answer: ${name}`, { skip: missing('debconf-set-selections') }, () => {
    const result = renderPreseed({ ...REQUEST, ...more }, templates());
    if (!result.ok) return assert.equal(name, 'a hostile secret');
    const out = execFileSync('debconf-set-selections', ['-c'], {
      input: result.text,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    assert.equal(out, '');
  });
}

test("an installer's answers leave the kernel to its own initrd, and no user has a password", () => {
  for (const osystem of ['debian', 'ubuntu']) {
    const text = textOf({ ...REQUEST, osystem });
    assert.doesNotMatch(text, /base-installer\/kernel/);
    assert.doesNotMatch(text, /allow_unauthenticated/);
    assert.match(text, /^d-i passwd\/root-login boolean false$/m);
    assert.match(text, /^d-i passwd\/user-password-crypted password !$/m);
    assert.match(text, new RegExp(`^d-i passwd/username string ${osystem}$`, 'm'));
    assert.match(text, /^d-i debian-installer\/add-kernel-opts string console=ttyS0,115200n8$/m);
  }
});

test('the mirror, the proxy and the disk are those of the request', () => {
  const text = textOf({
    ...REQUEST,
    httpProxy: 'http://10.20.0.1:8000/',
    installDisk: '/dev/vda',
    mirrors: { ...REQUEST.mirrors, debian: 'https://mirror.example:8443/d' },
  });
  assert.match(text, /^d-i mirror\/https\/hostname string mirror\.example:8443$/m);
  assert.match(text, /^d-i mirror\/https\/directory string \/d$/m);
  assert.match(text, /^d-i mirror\/https\/proxy string http:\/\/10\.20\.0\.1:8000\/$/m);
  assert.match(text, /^d-i partman-auto\/disk string \/dev\/vda$/m);
  assert.doesNotMatch(text, /early_command/);
  const ubuntu = textOf({ ...REQUEST, osystem: 'ubuntu', machine: { ...machine, architecture: 'arm64' } });
  assert.match(ubuntu, /hostname string ports\.ubuntu\.com$/m);
});

test('autoinstall finds its disk by serial number if possible, else by name; the Debian installer by name', () => {
  const request = { ...REQUEST, osystem: 'ubuntu', installDisk: '/dev/nvme0n1' };
  const serial = { ...request, installDiskSerial: '*_S59ANMFN*' };
  const matchOf = (asked: PreseedRequest) => {
    const file = parse(textOf({ ...asked, purpose: 'autoinstall' }));
    return file.autoinstall.storage.layout.match;
  };
  assert.deepEqual(matchOf(serial), { serial: '*_S59ANMFN*' });
  assert.deepEqual(matchOf(request), { path: '/dev/nvme0n1' });
  assert.match(textOf(serial), /^d-i partman-auto\/disk string \/dev\/nvme0n1$/m);
});

/** An installer's environment, for a shell of this host; `T` is the directory of the new system. */
const FAKES = `in_target() { :; }; wget() { for word; do printf '%s\\n' "$word"; done >"$T/wget"; }`;

test('the late command writes keys, sudo and the data source, and then reports that the disk is written', {
  skip: missing('linux'),
}, () => {
  const sshKeys = ['ssh-rsa AAAA it\'s $(touch owned) `id` "x"', 'ssh-ed25519 BBBB'];
  const command = commandOf(textOf({ ...REQUEST, sshKeys }), 'preseed/late_command')
    .replaceAll('/target', '$T')
    .replaceAll('in-target ', 'in_target ');
  const script = `set -e; T=$(mktemp -d); ${FAKES}; ${command}
    cat "$T/home/debian/.ssh/authorized_keys"; echo --; cat "$T/etc/sudoers.d/90-rackboot"; echo --
    cat "$T/etc/cloud/cloud.cfg.d/90_rackboot.cfg"; echo --; cat "$T/wget"; rm -rf "$T"`;
  const out = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  const [keys, sudo, datasource = '', wget = ''] = out.split('--\n');
  assert.equal(keys, `${sshKeys.join('\n')}\n`);
  assert.equal(sudo, 'debian ALL=(ALL) NOPASSWD:ALL\n');
  assert.equal(at(parse(datasource), 'datasource', 'MAAS', 'token_secret'), 'secret');
  // As ds-identify reads it, which starts cloud-init or does not: one key a line.
  assert.match(datasource, /^datasource_list: \["MAAS"\]$/m);
  assert.match(datasource, /^ *MAAS: /m);
  const words = wget.split('\n');
  assert.match(words[words.indexOf('--header') + 1] ?? '', /^Authorization: OAuth .*oauth_signature="%26secret"/);
  assert.equal(words[words.indexOf('--post-data') + 1], 'op=netboot_off');
  assert.ok(words.includes('http://10.20.0.1:5248/MAAS/metadata/latest/by-id/4y3h7n/'));
});

test("autoinstall's commands are the intended words, and its user data has the owner's keys", () => {
  const sshKeys = ["ssh-rsa AAAA it's $(id)"];
  const found: unknown = parse(textOf({ ...REQUEST, purpose: 'autoinstall', osystem: 'ubuntu', sshKeys }));
  assert.equal(at(found, 'autoinstall', 'version'), 1);
  assert.deepEqual(at(found, 'autoinstall', 'user-data', 'ssh_authorized_keys'), sshKeys);
  assert.equal(at(found, 'autoinstall', 'identity'), undefined);
  const commands = at(found, 'autoinstall', 'late-commands');
  assert.ok(Array.isArray(commands) && commands.every((command) => typeof command === 'string'));
  for (const command of commands) checkShell(String(command));
  assert.match(String(commands.at(-1)), /^curl .*op=netboot_off/);
});

test('cloud-init gets no empty list of keys, about which it would warn on the console', () => {
  const texts = (['vendordata', 'autoinstall'] as const).map((purpose) => textOf({ ...REQUEST, purpose, sshKeys: [] }));
  assert.deepEqual(
    texts.map((text) => text.includes('ssh_authorized_keys')),
    [false, false],
  );
});

const HOSTILE = [
  '$(id)',
  '`id`',
  "it's",
  '"',
  '\\',
  'a\nd-i preseed/run string id',
  '; id',
  '\u0000',
  ' a',
  '!',
  '\ud800',
];

test('no hostname, disk, address or kernel argument gets out of its place', { skip: missing('linux') }, () => {
  for (const value of HOSTILE) {
    const requests: readonly PreseedRequest[] = [
      { ...REQUEST, machine: { ...machine, hostname: value, domain: value } },
      { ...REQUEST, machine: { ...machine, systemId: value } },
      { ...REQUEST, installDisk: value },
      { ...REQUEST, installDiskSerial: value },
      { ...REQUEST, kernelParams: value },
      { ...REQUEST, httpProxy: value },
      { ...REQUEST, ntpServers: [value] },
      { ...REQUEST, serverUrl: `http://x/${value}` },
      { ...REQUEST, sshKeys: [value] },
      { ...REQUEST, overrides: { locale: value, default_user: value } },
    ];
    for (const request of requests) {
      for (const purpose of purposes) {
        const result = renderPreseed({ ...request, purpose }, templates());
        if (!result.ok) continue;
        if (PURPOSES[purpose].language === 'yaml') assert.equal(typeof parse(result.text), 'object');
        else if (purpose === 'install') {
          assert.doesNotMatch(result.text, /^d-i preseed\/run/m);
          assert.equal(result.text.split('\n').filter((line) => /^d-i preseed\/late_command/.test(line)).length, 1);
          checkShell(commandOf(result.text, 'preseed/late_command'));
        }
      }
    }
  }
});

test('each key that can be stored reaches every kind of installer, whatever its name', () => {
  const key = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32)]).toString('base64')}`;
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  for (const name of ['CORP\\ada@host', ...printable.map((character) => `a${character}b`)]) {
    const parsed = parseSshKey(`${key} ${name}`);
    assert.ok(parsed.kind === 'key');
    for (const purpose of ['install', 'autoinstall', 'vendordata'] as const) {
      const result = renderPreseed({ ...REQUEST, purpose, sshKeys: [parsed.key] }, templates());
      assert.ok(result.ok, `${purpose} ${name}: ${JSON.stringify(result)}`);
    }
  }
});

test('rendering for a machine without a key fails, and names the missing value', () => {
  const result = renderPreseed({ ...REQUEST, credentials: undefined }, templates());
  assert.match(result.ok ? '' : mistakeText(result.mistake), /^preseed_data is not defined here/);
});

const OLD = {
  generic: `{{inherit "preseed_master"}}
{{def proxy}}
d-i     mirror/country string manual
d-i     mirror/http/hostname string {{main_archive_hostname}}
d-i     mirror/http/directory string {{main_archive_directory}}
{{if http_proxy }}
d-i     mirror/http/proxy string {{http_proxy}}
{{else}}
d-i     mirror/http/proxy string http://{{server_host}}:8000/
{{endif}}
{{enddef}}
{{def client_packages}}
d-i     pkgsel/include string cloud-init openssh-server
{{enddef}}
{{def post_scripts}}
d-i     preseed/late_command string in-target wget --no-proxy "{{node_disable_pxe_url|escape.shell}}" --post-data "{{node_disable_pxe_data|escape.shell}}" -O /dev/null; true
{{enddef}}
`,
};

test('templates in the older form still work, with their names', () => {
  const result = renderPreseed({ ...REQUEST, osystem: 'ubuntu', release: 'precise' }, templates(OLD));
  assert.ok(result.ok, JSON.stringify(result));
  assert.match(result.text, /mirror\/http\/proxy string http:\/\/10\.20\.0\.1:8000\/$/m);
  assert.match(result.text, /mirror\/http\/hostname string archive\.ubuntu\.com$/m);
  assert.match(result.text, /--no-proxy "http:\S+by-id\/4y3h7n\/" --post-data "op=netboot_off"/);
  assert.match(
    result.text,
    /^d-i passwd\/username string ubuntu$/m,
    'blocks that it does not define are the shipped ones',
  );
});

test('a template whose output is not YAML is refused, and the refusal does not show the output', () => {
  const own = { vendordata: '#cloud-config\na: secret\n  b: {{hostname}}\n' };
  const result = renderPreseed({ ...REQUEST, purpose: 'vendordata' }, templates(own));
  assert.deepEqual(result.ok || [result.file, result.line], ['/own/vendordata', 0]);
  assert.match(result.ok ? '' : mistakeText(result.mistake), /^the rendered text is not YAML: [A-Z_]+ in its line \d$/);
  const jinja = { vendordata: '## template: jinja\n#cloud-config\n{{language yaml}}{{"{%"}} if a %}\na: b\n' };
  assert.ok(renderPreseed({ ...REQUEST, purpose: 'vendordata' }, templates(jinja)).ok);
});
