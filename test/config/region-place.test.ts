// Where the region is: the written form, the resolved form, and contradictions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { parseRegionUrl } from '../../src/config/region-url.ts';

function problemsOf(region: string): readonly string[] {
  const parsed = parseConfig(`state_dir: /tmp/s\nregion: ${region}\n`);
  return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path}: ${message}`);
}

test('a remote region has a URL, a key file, and a door for machines’ requests', () => {
  const parsed = parseConfig('state_dir: /tmp/s\nregion: { mode: remote, url: "https://region.example:5443/MAAS/" }\n');
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  assert.deepEqual(parsed.config.uplink, {
    mode: 'remote',
    urls: ['https://region.example:5443/MAAS'],
    keyFile: '/tmp/s/region.key',
    caFile: undefined,
  });
  assert.deepEqual(parsed.config.http.region, { host: 'region.example', port: 5443, secure: true });
  assert.deepEqual(parsed.config.region.listen, []);
});

test('a region with several addresses is a list, whose first is the door until the rack is linked', () => {
  const urls = ['http://10.20.0.5:5240/MAAS', 'https://region.example/MAAS'];
  const parsed = parseConfig(
    `state_dir: /tmp/s\nregion: { mode: remote, url: ${JSON.stringify(urls)}, ca_file: /ca }\n`,
  );
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  const { uplink, http } = parsed.config;
  assert.deepEqual(uplink.mode === 'remote' && uplink.urls, urls);
  assert.deepEqual(http.region, { host: '10.20.0.5', port: 5240, secure: false });
});

test('the region is embedded by default, and reached by a socket that no other user can stand behind', () => {
  const parsed = parseConfig('state_dir: /tmp/s\n');
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  assert.deepEqual(parsed.config.uplink, { mode: 'embedded' });
  assert.deepEqual(parsed.config.http.region, { host: '127.0.0.1', port: 5240, socketPath: '/tmp/s/rack.sock' });
});

test('an embedded region listens over TLS at the addresses of its plain listeners and another port, or as configured', () => {
  const listenOf = (region: string): unknown => {
    const parsed = parseConfig(`state_dir: /tmp/s\nregion: ${region}\n`);
    if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
    return parsed.config.region.tls?.listen;
  };
  const tls = 'cert: /c, key: /k';
  assert.equal(listenOf('{}'), undefined);
  assert.deepEqual(listenOf(`{ tls: { ${tls} } }`), [{ host: '127.0.0.1', port: 5443 }]);
  assert.deepEqual(listenOf(`{ listen: ["127.0.0.2:1", "127.0.0.2:2"], tls: { ${tls} } }`), [
    { host: '127.0.0.2', port: 5443 },
  ]);
  assert.deepEqual(listenOf(`{ tls: { ${tls}, listen: ["127.0.0.3:9"] } }`), [{ host: '127.0.0.3', port: 9 }]);
});

test('keys that contradict the mode are refused with the remedy', () => {
  for (const [region, expected] of [
    ['{ mode: remote }', /region\.url: missing/],
    ['{ mode: remote, url: "http://r:1/MAAS", listen: ["127.0.0.1:5240"] }', /region\.listen: .*where the region runs/],
    ['{ mode: remote, url: "http://r:1/MAAS", ca_file: /etc/ca.pem }', /region\.ca_file: .*not https/],
    ['{ url: "http://r:1/MAAS" }', /region\.url: .*set region\.mode to remote/],
    ['{ api_key_file: /k }', /region\.api_key_file: .*set region\.mode to remote/],
    ['{ mode: remote, url: "http://r:1/MAAS", tls: { cert: /c, key: /k } }', /region\.tls: .*region\.ca_file/],
    [
      '{ listen: ["127.0.0.1:5443"], tls: { cert: /c, key: /k } }',
      /region\.tls: listens at 127\.0\.0\.1:5443, as region\.listen/,
    ],
    ['{ tls: { cert: /c } }', /region\.tls\.key/],
    ['{ tls: { cert: c, key: /k } }', /region\.tls\.cert: expected an absolute path/],
    ['{ mode: far }', /region\.mode: expected embedded/],
    ['{ mode: remote, url: "http://r:1/" }', /region\.url: expected the URL of a region/],
    ['{ mode: remote, url: ["http://r:1/MAAS", "http://r:2/"] }', /region\.url.*: expected the URL of a region/],
    ['{ mode: remote, url: [] }', /region\.url: /],
  ] as const) {
    assert.match(problemsOf(region).join('\n'), expected, region);
  }
});

test('the URL of a region is a scheme, a host and /MAAS', () => {
  for (const [text, expected] of [
    ['http://region:5240/MAAS', { text: 'http://region:5240/MAAS', secure: false, host: 'region', port: 5240 }],
    ['https://10.0.0.1/MAAS/', { text: 'https://10.0.0.1/MAAS', secure: true, host: '10.0.0.1', port: undefined }],
    ['http://[::1]:8/MAAS', { text: 'http://[::1]:8/MAAS', secure: false, host: '::1', port: 8 }],
    ['ftp://region/MAAS', undefined],
    ['http://region/other/MAAS', undefined],
    ['http://user:secret@region/MAAS', undefined],
    ['http://region/MAAS?x=1', undefined],
    ['region:5240', undefined],
    ['', undefined],
  ] as const) {
    assert.deepEqual(parseRegionUrl(text), expected, text);
  }
});
