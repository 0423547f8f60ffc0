// Signatures by a real GnuPG are verified, and each kind of bad one is refused by name.
// @host computes, 15 s

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { after, before, describe, it, mock } from 'node:test';
import { Keyring } from '../../../src/images/sources/keyring.ts';
import { describeSignatureFault } from '../../../src/images/sources/signature-fault.ts';
import { verifyClearSigned, verifyDetached } from '../../../src/images/sources/verification.ts';
import { GpgHome, type SignOptions } from '../../support/gpg-home.ts';
import { missing } from '../../support/needs.ts';
import { printedRandom } from '../../support/printed-random.ts';

const TEXT = '{\n "format": "index:1.0",\n- "dashes": "--",\n "index": {}\n}\n-----\nFrom a line \t \n';
/** The signed text has no spaces at the ends of its lines, and no last line end. */
const SIGNED = '{\n "format": "index:1.0",\n- "dashes": "--",\n "index": {}\n}\n-----\nFrom a line';
const KINDS = ['ed25519', 'rsa2048', 'rsa4096', 'nistp256'];
const OLD = '20150301T120000';
const LATER = '20150401T120000';
const DAY_MS = 86_400_000;
/** GnuPG reads its faked times as UTC. */
const OLD_MS = Date.UTC(2015, 2, 1, 12);
const LATER_MS = Date.UTC(2015, 3, 1, 12);
const SECOND_MS = 1000;
const AHEAD_MS_MAX = 300_000;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A self-signature of an Ed25519 key that the key never made: one packet of 31 bytes. */
function madeUpSelfSignature(fingerprint: string, at: number): Buffer {
  const hashed = Buffer.from([5, 2, 0, 0, 0, 0]);
  hashed.writeUInt32BE(at, 2);
  const issuer = Buffer.from([9, 16, ...Buffer.from(fingerprint.slice(-16), 'hex')]);
  const lengthed = (bytes: Buffer): Buffer => Buffer.from([0, bytes.length, ...bytes]);
  const body = Buffer.concat([
    Buffer.from([4, 0x13, 1, 8]),
    lengthed(hashed),
    lengthed(issuer),
    Buffer.from('ab\0\x08\xff', 'latin1'),
  ]);
  return Buffer.from([0xc2, body.length, ...body]);
}

/** Whether a byte of a detached signature belongs to the subpackets that its hash leaves out (RFC 9580 §5.2.3); gpg writes short headers. */
function isOutsideHash(signature: Uint8Array, at: number): boolean {
  const packet = Buffer.from(signature);
  const body = packet[0] === 0x88 ? 2 : 3;
  const begin = body + 6 + packet.readUInt16BE(body + 4);
  return at >= begin && at < begin + 2 + packet.readUInt16BE(begin);
}

type Verified = Awaited<ReturnType<typeof verifyDetached>>;
const codeOf = (verified: Verified): string => (verified.ok ? 'accepted' : verified.fault.code);

describe('a signature', { skip: missing('gpg', 'gpgv') }, () => {
  let home: GpgHome;
  let all: Uint8Array;
  const keys = new Map<string, string>();
  const keyOf = (name: string): string => keys.get(name) ?? '';
  /** Keys are made while the tests run. */
  const nowMs = Date.now() + 60_000;
  const request = (keyring = all, fingerprints?: readonly string[], ms = nowMs) => ({
    file: 'SHA256SUMS',
    keyring: new Keyring(keyring, fingerprints),
    nowMs: ms,
  });
  const signed = (options: Omit<SignOptions, 'form'>): Buffer => home.sign(TEXT, { form: 'detached', ...options });
  const verify = (signature: Uint8Array, keyring = all, ms = nowMs) =>
    verifyDetached(utf8(TEXT), signature, request(keyring, undefined, ms));

  before(() => {
    home = new GpgHome();
    for (const kind of KINDS) keys.set(kind, home.makeKey(kind, kind));
    keys.set('stranger', home.makeKey('stranger'));
    keys.set('dsa', home.makeKey('dsa', 'dsa2048'));
    keys.set('short', home.makeKey('short', 'rsa1024'));
    keys.set('expired', home.makeKey('expired', 'ed25519', '20160301T000000', OLD));
    keys.set('old', home.makeKey('old', 'rsa2048', 'never', OLD));
    all = home.export([...keys.keys()].filter((name) => name !== 'stranger'));
  });
  after(() => home.remove());

  for (const kind of KINDS) {
    it(`by a key of ${kind} is accepted: clear-signed, detached, and detached in armor`, async () => {
      const clear = await verifyClearSigned(home.sign(TEXT, { key: kind, form: 'clear' }), request());
      if (!clear.ok) assert.fail(describeSignatureFault(clear.fault));
      assert.equal(clear.value.text, SIGNED);
      for (const form of ['detached', 'detached-armored'] as const) {
        const signature = home.sign(TEXT, { key: kind, form });
        const detached = await verifyDetached(utf8(TEXT), signature, request());
        if (!detached.ok) assert.fail(describeSignatureFault(detached.fault));
        assert.ok(home.isGoodByGpgv(all, signature, TEXT), 'gpgv agrees');
      }
    });
  }

  it('is accepted with CRLF as line ends, and with other text around the signed one, which is not returned', async () => {
    const clear = home.sign(TEXT, { key: 'ed25519', form: 'clear' }).toString('utf8');
    for (const text of [clear.replaceAll('\n', '\r\n'), `before\n${clear}after\n`]) {
      const verified = await verifyClearSigned(utf8(text), request());
      assert.equal(verified.ok && verified.value.text, SIGNED);
    }
  });

  it('is verified by an armored keyring, by several blocks in one file, and by a file with a broken block', async () => {
    const signature = signed({ key: 'rsa2048' });
    const one = home.export(['rsa2048'], 'armored').toString('latin1');
    const other = home.export(['ed25519'], 'armored').toString('latin1');
    const broken = other.replace(/\n\n[^\n]{20}/, '\n\nAAAAAAAAAAAAAAAAAAAA');
    for (const text of [one, `${other}\n${one}`, `# two keys\n${broken}\n${one}`])
      assert.equal(codeOf(await verify(signature, utf8(text))), 'accepted');
  });

  it('of several is enough, and the last one of which none is accepted is named', async () => {
    const both = Buffer.concat([signed({ key: 'stranger' }), signed({ key: 'ed25519' })]);
    assert.equal(codeOf(await verify(both)), 'accepted');
    const blocks = ['stranger', 'ed25519'].map((key) => home.sign(TEXT, { key, form: 'detached-armored' }));
    assert.equal(codeOf(await verify(Buffer.concat(blocks))), 'accepted');
    const none = Buffer.concat([signed({ key: 'dsa' }), signed({ key: 'stranger' })]);
    assert.equal(codeOf(await verify(none)), 'weak-algorithm');
  });

  it('by another key of the keyring than those whose fingerprints are accepted is refused', async () => {
    const signature = signed({ key: 'rsa2048' });
    const spaced = keyOf('rsa2048').replace(/(.{4})/g, '$1 ');
    const accepted = (fingerprints: readonly string[]) =>
      verifyDetached(utf8(TEXT), signature, request(all, fingerprints)).then(codeOf);
    assert.equal(await accepted([keyOf('rsa2048').toLowerCase()]), 'accepted');
    assert.equal(await accepted([spaced]), 'accepted');
    assert.equal(await accepted([keyOf('ed25519')]), 'unknown-key');
    assert.equal(await accepted([]), 'unreadable-keyring');
  });

  it('is refused by name, with its key', async () => {
    const rows: readonly (readonly [name: string, code: string, verified: Promise<Verified>, keyId?: string])[] = [
      ['of a key that is not in the keyring', 'unknown-key', verify(signed({ key: 'stranger' })), keyOf('stranger')],
      ['by DSA', 'weak-algorithm', verify(signed({ key: 'dsa' })), keyOf('dsa')],
      ['by RSA with 1024 bits', 'weak-algorithm', verify(signed({ key: 'short' })), keyOf('short')],
      ['of a SHA-1', 'weak-algorithm', verify(signed({ key: 'rsa2048', digest: 'SHA1' })), keyOf('rsa2048')],
      ['of a key that has expired', 'expired-key', verify(signed({ key: 'expired', at: OLD })), keyOf('expired')],
      ['that has expired', 'expired-signature', verify(signed({ key: 'old', at: OLD, expires: '1d' })), keyOf('old')],
      [
        'that was made in the future',
        'future-signature',
        verify(signed({ key: 'old' }), all, nowMs - DAY_MS),
        keyOf('old'),
      ],
      [
        'of another text',
        'bad-signature',
        verifyDetached(utf8(`${TEXT}more`), signed({ key: 'ed25519' }), request()),
        keyOf('ed25519'),
      ],
      ['that is empty', 'no-signature', verify(new Uint8Array())],
      ['that is not a signature', 'unreadable-signature', verify(utf8('no signature'))],
      ['in armor without an end', 'no-signature', verify(utf8('-----BEGIN PGP SIGNATURE-----\n\nabc\n'))],
      ['of 65 KiB', 'too-large', verify(new Uint8Array(65 * 1024 + 1))],
      ['with an empty keyring', 'unreadable-keyring', verify(signed({ key: 'ed25519' }), new Uint8Array())],
      ['with a keyring of other bytes', 'unreadable-keyring', verify(signed({ key: 'ed25519' }), utf8('KBXf'))],
      ['under no text', 'no-signature', verifyClearSigned(utf8('{}'), request())],
      [
        'that misses under a text',
        'unreadable-signature',
        verifyClearSigned(utf8(`-----BEGIN PGP SIGNED MESSAGE-----\n\n{}\n`), request()),
      ],
      ['under 33 MiB', 'too-large', verifyClearSigned(new Uint8Array(32 * 1024 * 1024 + 1), request())],
    ];
    for (const [name, code, verified, fingerprint] of rows) {
      const found = await verified;
      assert.equal(codeOf(found), code, name);
      if (found.ok) continue;
      assert.equal(found.fault.file, 'SHA256SUMS', name);
      assert.equal(found.fault.keyId, fingerprint?.slice(-16), name);
      assert.match(describeSignatureFault(found.fault), /^SHA256SUMS: .+; .+$/, name);
    }
  });

  it('is accepted if the clock of its host is up to five minutes ahead, and so is its key', async () => {
    home.makeKey('young', 'ed25519', 'never', OLD);
    const young = home.export(['young']);
    const rows: readonly (readonly [name: string, made: Uint8Array, keyring: Uint8Array, fault: string])[] = [
      ['a signature', signed({ key: 'old', at: LATER }), all, 'future-signature'],
      ['a key', signed({ key: 'young', at: OLD }), young, 'future-key'],
    ];
    for (const [name, made, keyring, fault] of rows) {
      const madeMs = name === 'a key' ? OLD_MS : LATER_MS;
      const at = async (ms: number): Promise<string> => codeOf(await verify(made, keyring, madeMs + ms));
      for (const ms of [0, -SECOND_MS, -AHEAD_MS_MAX]) assert.equal(await at(ms), 'accepted', `${name}, ${ms}`);
      assert.equal(await at(-AHEAD_MS_MAX - 1), fault, name);
    }
  });

  it('whose time ends is refused from then on, with no allowance for clocks', async () => {
    const made = signed({ key: 'old', at: OLD, expires: '1d' });
    assert.equal(codeOf(await verify(made, all, OLD_MS + DAY_MS - SECOND_MS)), 'accepted');
    assert.equal(codeOf(await verify(made, all, OLD_MS + DAY_MS)), 'expired-signature');
  });

  it('under a changed text is refused', async () => {
    const clear = home.sign(TEXT, { key: 'ed25519', form: 'clear' }).toString('utf8');
    for (const text of [
      clear.replace('index', 'other'),
      clear.replace('{\n', '{\n{\n'),
      clear.replace('Hash: SHA512', 'Hash: SHA1'),
    ])
      assert.match(codeOf(await verifyClearSigned(utf8(text), request())), /^(?:bad|unreadable)-signature$/);
    const forged = clear.replace('Hash: SHA512', 'Comment: not signed\nHash: SHA512');
    assert.equal(codeOf(await verifyClearSigned(utf8(forged), request())), 'unreadable-signature');
  });

  it('of a revoked key is refused', async () => {
    const fingerprint = home.makeKey('revoked');
    const signature = signed({ key: 'revoked' });
    assert.equal(codeOf(await verify(signature, home.export(['revoked']))), 'accepted');
    home.revoke(fingerprint);
    assert.equal(codeOf(await verify(signature, home.export([fingerprint]))), 'revoked-key');
  });

  it('of a key whose time was extended afterwards is accepted', async () => {
    const fingerprint = home.makeKey('extended', 'rsa2048', '20160301T000000', OLD);
    const signature = signed({ key: 'extended', at: OLD });
    assert.equal(codeOf(await verify(signature, home.export(['extended']))), 'expired-key');
    home.run(['--quick-set-expire', fingerprint, '10y']);
    // As key servers and sites publish it: with the last self-signature only.
    const renewed = home.run(['--export-options', 'export-minimal', '--export', fingerprint]);
    assert.equal(codeOf(await verify(signature, renewed)), 'accepted');
    assert.equal(codeOf(await verify(signature, renewed, nowMs + 20 * 365 * DAY_MS)), 'expired-key');
  });

  it('of a key of which the keyring has several copies is judged by all of them', async () => {
    const revoked = home.makeKey('revoked-copy');
    const byRevoked = signed({ key: 'revoked-copy' });
    const unrevoked = home.export([revoked]);
    home.revoke(revoked);
    const extended = home.makeKey('extended-copy', 'rsa2048', '20160301T000000', OLD);
    home.run(['--quick-add-key', extended, 'ed25519', 'sign', '20160301T000000']);
    const byExtended = home.sign(TEXT, { key: `${extended}!`, form: 'detached', at: OLD });
    const expired = home.export([extended]);
    home.run(['--quick-set-expire', extended, '10y']);
    const renewed = home.run(['--export-options', 'export-minimal', '--export', extended]);
    const armored = (name: string): Uint8Array => home.export([name], 'armored');
    const rows: readonly (readonly [name: string, copies: readonly Uint8Array[], signature: Buffer, code: string])[] = [
      ['the revoked copy last', [unrevoked, home.export([revoked])], byRevoked, 'revoked-key'],
      ['the revoked copy first', [home.export([revoked]), unrevoked], byRevoked, 'revoked-key'],
      ['the renewed copy last', [expired, renewed], byExtended, 'accepted'],
      ['the renewed copy first', [renewed, expired], byExtended, 'accepted'],
      [
        'an armored copy',
        [armored('revoked-copy'), armored('ed25519'), armored('revoked-copy')],
        byRevoked,
        'revoked-key',
      ],
    ];
    for (const [name, copies, signature, code] of rows)
      assert.equal(codeOf(await verify(signature, Buffer.concat(copies))), code, name);
    const late = await verify(byExtended, Buffer.concat([expired, renewed]), nowMs + 20 * 365 * DAY_MS);
    assert.equal(codeOf(late), 'expired-key');
  });

  it('of a key with thousands of self-signatures is refused before they are read', async () => {
    const signature = signed({ key: 'ed25519' });
    const key = home.export(['ed25519']);
    const made = Array.from({ length: 2000 }, (_, at) => madeUpSelfSignature(keyOf('ed25519'), OLD_MS / 1000 + at));
    const armored = (bytes: Buffer): Buffer => {
      const lines = bytes.toString('base64').replace(/.{64}/g, '$&\n');
      return Buffer.from(`-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${lines}\n-----END PGP PUBLIC KEY BLOCK-----\n`);
    };
    const few = Buffer.concat([key, ...made.slice(0, 500)]);
    const many = Buffer.concat([key, ...made]);
    const half = Buffer.concat([key, ...made.slice(0, 1000)]);
    // A packet in parts, each of 1 byte, which are as many.
    const parts = Buffer.from([0xfc, ...Array.from({ length: 2000 }, () => [0xe0, 0]).flat(), 0]);
    const rows: readonly (readonly [name: string, keyring: Buffer, code: string])[] = [
      ['500', few, 'accepted'],
      ['500, armored', armored(few), 'accepted'],
      ['2000', many, 'large-keyring'],
      ['2000, armored', armored(many), 'large-keyring'],
      ['1000 in each of two copies', Buffer.concat([half, half]), 'large-keyring'],
      ['1000 in each of two armored copies', Buffer.concat([armored(half), armored(half)]), 'large-keyring'],
      ['2000 parts', Buffer.concat([parts, key]), 'large-keyring'],
      ['more than 4 MiB', Buffer.concat([key, Buffer.alloc(4 * 1024 * 1024)]), 'large-keyring'],
    ];
    for (const [name, keyring, code] of rows) assert.equal(codeOf(await verify(signature, keyring)), code, name);
  });

  it('by a subkey is accepted', async () => {
    const fingerprint = home.makeKey('with-subkey', 'rsa2048');
    home.run(['--quick-add-key', fingerprint, 'ed25519', 'sign', 'never']);
    const signature = signed({ key: 'with-subkey' });
    assert.equal(codeOf(await verify(signature, home.export(['with-subkey']))), 'accepted');
  });

  it('is one of many: the text is hashed once for each of the first 16, and not for the others', async () => {
    const [signature, bogus] = ['rsa2048', 'rsa4096'].map((key) => signed({ key, digest: 'SHA256' }));
    assert.ok(signature !== undefined && bogus !== undefined);
    // The hash of another text.
    bogus[bogus.length - 1] = (bogus.at(-1) ?? 0) ^ 1;
    const counted = mock.method(crypto, 'createHash');
    syncBuiltinESMExports();
    try {
      const hashes = async (count: number): Promise<readonly [string, number]> => {
        const before = counted.mock.callCount();
        const found = await verify(Buffer.concat([...Array.from({ length: count }, () => bogus), signature]));
        return [codeOf(found), counted.mock.callCount() - before];
      };
      const [few, perFew] = await hashes(3);
      const [many, perMany] = await hashes(16);
      const [more, perMore] = await hashes(70);
      assert.deepEqual([few, many, more], ['accepted', 'bad-signature', 'bad-signature']);
      assert.ok(perFew > 0);
      assert.equal(perMore, perMany);
      assert.ok(perMany <= 5 * perFew, `${perMany} hashes of 16 signatures, ${perFew} of 4`);
    } finally {
      counted.mock.restore();
      syncBuiltinESMExports();
    }
  });

  it('with any byte changed, or cut short anywhere, is never accepted, and nothing is thrown', async () => {
    const random = printedRandom('changed signatures');
    const signature = signed({ key: 'ed25519' });
    const key = home.export(['ed25519']);
    for (let length = 0; length < signature.length; length += 1)
      assert.notEqual(codeOf(await verify(new Uint8Array(signature).subarray(0, length), key)), 'accepted');
    for (let round = 0; round < 200; round += 1) {
      const changed = new Uint8Array(signature);
      const at = random(changed.length);
      changed[at] = (changed[at] ?? 0) ^ (1 + random(255));
      const verified = await verify(changed, key);
      // The subpackets outside the hash are not signed, so they may change, although gpgv looks for the issuer there.
      if (verified.ok && !isOutsideHash(signature, at))
        assert.ok(home.isGoodByGpgv(key, Buffer.from(changed), TEXT), `byte ${at} is ${changed[at]}`);
    }
  });

  it('is looked for in a keyring of Debian, whose keys are all read', async () => {
    const file = '/usr/share/keyrings/debian-archive-keyring.gpg';
    if (!existsSync(file)) return;
    assert.equal(codeOf(await verify(signed({ key: 'ed25519' }), readFileSync(file))), 'unknown-key');
  });
});
