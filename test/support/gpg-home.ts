// A home of GnuPG with keys of a test's own. Its agent ends, and its files go, with `remove`.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The form of a signature. */
type SignatureForm = 'clear' | 'detached' | 'detached-armored';

export interface SignOptions {
  /** The fingerprint, or a part of the name, of the key. */
  readonly key: string;
  readonly form: SignatureForm;
  /** `SHA1`; left out: SHA-512. */
  readonly digest?: string;
  /** When GnuPG signs, `20200101T000000`; left out: now. */
  readonly at?: string;
  /** `1d`; left out: never. */
  readonly expires?: string;
}

const FORMS: Readonly<Record<SignatureForm, readonly string[]>> = {
  clear: ['--clear-sign'],
  detached: ['--detach-sign'],
  'detached-armored': ['--armor', '--detach-sign'],
};

/** A home with keys. */
export class GpgHome {
  /** Short, because the path of a socket of its agent has at most 108 bytes. */
  readonly directory = mkdtempSync(join(tmpdir(), 'gpg-'));

  /** Runs gpg. @returns its output */
  run(words: readonly string[], input: string | Uint8Array = ''): Buffer {
    const all = ['--batch', '--yes', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...words];
    const { status, stdout, stderr } = spawnSync('gpg', all, { env: this.#env(), input, maxBuffer: 256 * 1024 * 1024 });
    if (status !== 0) throw new Error(`gpg ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  /**
   * Makes a key that signs.
   * @param algorithm `ed25519`, `rsa2048` …
   * @param expires `never`, `1y`, `20200101T000000` …
   * @returns its fingerprint, in upper case
   */
  makeKey(name: string, algorithm = 'ed25519', expires = 'never', at?: string): string {
    this.run([...timeOf(at), '--quick-generate-key', `${name} <${name}@example.org>`, algorithm, 'sign', expires]);
    return this.fingerprintOf(name);
  }

  fingerprintOf(name: string): string {
    const listed = this.run(['--with-colons', '--list-keys', name]).toString('utf8');
    return /^fpr:(?:[^:]*:){8}([0-9A-F]+):/m.exec(listed)?.[1] ?? '';
  }

  /** Public keys as a keyring; without names, all. */
  export(names: readonly string[] = [], form: 'binary' | 'armored' = 'binary'): Buffer {
    return this.run([...(form === 'armored' ? ['--armor'] : []), '--export', ...names]);
  }

  /** Revokes a key. */
  revoke(fingerprint: string): void {
    const file = join(this.directory, 'openpgp-revocs.d', `${fingerprint}.rev`);
    // GnuPG puts a colon in front of the armor, so that nobody imports it by mistake.
    this.run(['--import'], readFileSync(file, 'utf8').replace(':-----BEGIN', '-----BEGIN'));
  }

  /** @returns the signed text, or the detached signature */
  sign(content: string | Uint8Array, { key, form, digest = 'SHA512', at, expires }: SignOptions): Buffer {
    const time = [...timeOf(at), ...(expires === undefined ? [] : ['--default-sig-expire', expires])];
    return this.run([...time, '--digest-algo', digest, '--local-user', key, ...FORMS[form]], content);
  }

  /** Asks gpgv about a detached signature. */
  isGoodByGpgv(keyring: Uint8Array, signature: Uint8Array, content: string | Uint8Array): boolean {
    const files = ['keyring', 'signature', 'content'].map((name) => join(this.directory, `v-${name}`));
    for (const [index, bytes] of [keyring, signature, content].entries()) writeFileSync(files[index] ?? '', bytes);
    const [ring = '', ...rest] = files;
    return spawnSync('gpgv', ['--quiet', '--keyring', ring, ...rest], { env: this.#env() }).status === 0;
  }

  /** Ends its agent and removes its files. */
  remove(): void {
    spawnSync('gpgconf', ['--kill', 'all'], { env: this.#env() });
    rmSync(this.directory, { recursive: true, force: true });
  }

  #env(): NodeJS.ProcessEnv {
    return { ...process.env, GNUPGHOME: this.directory, LC_ALL: 'C' };
  }
}

const timeOf = (at: string | undefined): readonly string[] =>
  at === undefined ? [] : ['--faked-system-time', `${at}!`];
