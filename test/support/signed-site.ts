// A site whose documents a real GnuPG signs, for a suite of tests: its directory, its keys, and its server.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { GpgHome } from './gpg-home.ts';
import { FileSite } from './image-site.ts';

export class SignedSite {
  readonly scratch = mkdtempSync(join(tmpdir(), 'rackboot-signed-site-'));
  /** What the site serves. */
  readonly root = join(this.scratch, 'site');
  readonly keyring = join(this.scratch, 'keys.gpg');
  readonly gpg = new GpgHome();
  readonly site = new FileSite(this.root);
  /** Once the suite has begun. */
  url = '';

  constructor() {
    before(async () => {
      this.url = await this.site.open();
    });
    after(() => {
      this.site.close();
      this.gpg.remove();
      rmSync(this.scratch, { recursive: true, force: true });
    });
  }

  /** Puts the public keys into the keyring. */
  accept(...names: readonly string[]): void {
    writeFileSync(this.keyring, this.gpg.export(names));
  }

  get trust() {
    return { kind: 'signed', keyrings: [this.keyring], keyUrl: undefined, fingerprints: undefined } as const;
  }
}
