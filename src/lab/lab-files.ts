// The files of a guided lab: one directory, removed at the end.
//
//   /var/tmp/rackboot-lab-XXXXXX ─┬─ lab.yaml      the configuration of the first rack, which has the region
//                                 ├─ rack-2.yaml … those of the other racks, which use that region
//                                 ├─ hello.yaml    user data to deploy with
//                                 └─ lab, rack-2 … state directories, each with a boot tree of stand-ins
//
// 1. Only the user who started the lab can read the directory.

import { createHash } from 'node:crypto';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeTemporaryDirectory } from '../files/temporary-directory.ts';
import { ipv4 } from '../ground/address.ts';
import { systemClock } from '../ground/clock.ts';
import { blobPath, encodeImage, manifestPath, type StoredImage } from '../images/store/image-store.ts';
import { createAdmin, keyPart } from '../region/accounts/accounts.ts';
import { openRegionStore } from '../store/sqlite/region-sqlite.ts';
import { type LabPlace, labConfig, labPlace, makeStandInTree } from './safe-lab.ts';

/** The prefix of labs' directories. */
export const LAB_DIRECTORY = 'rackboot-lab-';

export interface LabRack {
  readonly name: string;
  readonly place: LabPlace;
  readonly configFile: string;
  readonly stateDir: string;
}

export interface LabFiles {
  readonly directory: string;
  /** The first rack has the region. */
  readonly racks: readonly LabRack[];
  readonly user: string;
  readonly password: string;
  /** The path of user data for deployments. */
  readonly userData: string;
}

/** The system that a lab can deploy. */
export const LAB_SYSTEM = 'debian/bookworm';
export const LAB_USER = 'lab';

const PASSWORD_CHARACTERS = 10;
/** The size of the stand-in image, a sparse file that takes no room on most file systems. */
const IMAGE_BYTES = 64 * 1024 * 1024;
const HELLO = '#cloud-config\nruncmd:\n  - echo "hello from the lab" > /etc/motd\n';
/** The lease time, longer than a lab runs: a simulated machine's system requests its address only once. */
const LEASE_TIME = '1d';

/** Addresses and ports of rack 0 to 3. */
export function rackPlace(index: number): LabPlace {
  if (index === 0) return labPlace(0);
  const port = 17_000 + index * 10;
  return {
    octets: `127.${190 + index}.0`,
    source: ipv4(0x7f00_00fe + (190 + index) * 0x10000),
    dhcpServerPort: port + 1,
    dhcpClientPort: port + 2,
    tftpPort: port + 3,
    dnsPort: port + 4,
    httpPort: port + 5,
    regionPort: port + 6,
  };
}

export async function makeLabFiles(racks: number): Promise<LabFiles> {
  const directory = makeTemporaryDirectory(LAB_DIRECTORY);
  const createdRacks = Array.from({ length: racks }, (_, index) => makeRack(directory, index));
  const [first] = createdRacks;
  if (first === undefined) throw new Error('a lab has a rack');
  const userData = join(directory, 'hello.yaml');
  writeFileSync(userData, HELLO);
  return { directory, racks: createdRacks, user: LAB_USER, password: await makeAccount(first.stateDir), userData };
}

function makeRack(directory: string, index: number): LabRack {
  const name = index === 0 ? 'lab' : `rack-${index + 1}`;
  const place = rackPlace(index);
  const stateDir = join(directory, name);
  const tree = join(stateDir, 'boot');
  makeStandInTree(tree);
  for (const name of ['bootx64.efi', 'grubx64.efi', 'ipxe.efi'])
    writeFileSync(join(tree, name), `stand-in for ${name}\n`);
  makeStandInImage(tree);
  const configFile = join(directory, `${name}.yaml`);
  writeFileSync(configFile, guidedConfig(place, stateDir, index === 0 ? undefined : name));
  return { name, place, configFile, stateDir };
}

/**
 * Builds a rack's configuration, with a network large enough for a fleet. @param remoteRack the
 * name of a rack that uses the first rack's region
 */
function guidedConfig(place: LabPlace, stateDir: string, remoteRack?: string): string {
  const net = place.octets.replace(/\.0$/, '');
  const region = `http://127.0.0.1:${rackPlace(0).regionPort}/MAAS`;
  const text = labConfig(place, stateDir)
    .replace(/^( +network: ).*$/m, `$1${net}.0.0/22`)
    .replace(/^( +)ip_range_low: .*$/m, `$1ip_range_low: ${net}.2.1`)
    .replace(
      /^( +)ip_range_high: .*$/m,
      `$1ip_range_high: ${net}.2.250\n$1static_ip_range_low: ${net}.1.1\n$1static_ip_range_high: ${net}.1.250`,
    )
    .replace('dhcp: {', `dhcp: { lease_time: ${LEASE_TIME},`);
  if (remoteRack === undefined) return text;
  return text
    .replace(/^name: .*$/m, `name: ${remoteRack}`)
    .replace(/^( +- name: ).*$/m, `$1${remoteRack}`)
    .replace(/^region: .*$/m, `region: { mode: remote, url: "${region}" }`);
}

/** Makes an image that stands in for a real one: it cannot boot, and its title says so. */
export function makeStandInImage(tree: string): void {
  const bytes = Buffer.alloc(IMAGE_BYTES);
  const image: StoredImage = {
    os: 'debian',
    release: 'bookworm',
    architecture: 'amd64',
    subarchitecture: 'generic',
    label: 'release',
    serial: '20260101',
    title: 'A stand-in of the lab for Debian 12: 64 MiB of zeroes',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: IMAGE_BYTES,
    format: 'raw',
    diskBytes: IMAGE_BYTES,
    partitionTable: 'gpt',
  };
  const blob = join(tree, blobPath(image.sha256, image.format));
  const manifest = manifestPath(tree, image);
  for (const path of [blob, manifest]) mkdirSync(dirname(path), { recursive: true });
  writeFileSync(blob, '');
  truncateSync(blob, IMAGE_BYTES);
  writeFileSync(manifest, encodeImage(image));
}

/**
 * Creates the administrator of the lab and its command line, with an SSH key, which deployments
 * need. @returns the password
 */
export async function makeAccount(stateDir: string): Promise<string> {
  const store = openRegionStore({ stateDir });
  try {
    const password = keyPart(systemClock, PASSWORD_CHARACTERS);
    await createAdmin(store, systemClock, { username: LAB_USER, email: '', password });
    const createdMs = systemClock.wallTimeMs();
    const [username, atMs] = [LAB_USER, createdMs];
    const event = { type: 'AUTHORISATION', code: 'ssh-key-added', params: { user: username }, atMs, username } as const;
    await store.life.addSshKey({ username, key: standInKey(), createdMs }, 1, event);
    return password;
  } finally {
    await store.close();
  }
}

/** A public key without a private half: simulated machines offer no login. */
function standInKey(): string {
  const encodeField = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
  const bytes = Buffer.concat([encodeField('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), systemClock.randomBytes(32)]);
  return `ssh-ed25519 ${bytes.toString('base64')} stand-in@lab`;
}
