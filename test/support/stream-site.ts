// A simplestreams site in a directory, as images.maas.io and cloud-images.ubuntu.com have it: `streams/v1/index.json`, `.json.gpg` and
// `.sjson`, the same three of each document of products, and the files themselves. Serve the directory, and it is a site.
//
// Source: the products of images.maas.io (`…:v3:download`, `…:centos-bases-download`, `…:1:bootloader-download`) and of
// cloud-images.ubuntu.com (`com.ubuntu.cloud:released:download`) as of 2026: their keys, fields and types of files; the values are made up.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GpgHome } from './gpg-home.ts';

/** Texts, numbers and truth values of a level. */
export type SiteTags = Readonly<Record<string, string | number | boolean>>;

/** A file of a version. */
export interface SiteFile {
  readonly ftype: string;
  /** Below the site. */
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly tags?: SiteTags;
}

export interface SiteVersion {
  readonly tags?: SiteTags;
  /** By the names of the items. */
  readonly files: Readonly<Record<string, SiteFile>>;
}

export interface SiteProduct {
  readonly tags: SiteTags;
  /** By serial. */
  readonly versions: Readonly<Record<string, SiteVersion>>;
}

/** Documents of products by content id, each with products by name. */
export type SiteContent = Readonly<Record<string, Readonly<Record<string, SiteProduct>>>>;

/** The key that signs the site. */
export interface SiteSigner {
  readonly home: GpgHome;
  /** Its fingerprint. */
  readonly key: string;
}

const UPDATED = 'Tue, 24 Nov 2026 08:02:41 +0000';
const FORMAT = 'products:1.0';
const DATATYPE = 'image-downloads';

/** The document of products of a content id. */
export function productsDocument(contentId: string, products: Readonly<Record<string, SiteProduct>>): object {
  const itemOf = ({ ftype, path, content, tags }: SiteFile): object => {
    const hash = (algorithm: string): string => createHash(algorithm).update(content).digest('hex');
    return { ftype, path, size: Buffer.byteLength(content), md5: hash('md5'), sha256: hash('sha256'), ...tags };
  };
  const versionOf = ({ tags, files }: SiteVersion): object => ({ ...tags, items: mapValues(files, itemOf) });
  const productOf = ({ tags, versions }: SiteProduct): object => ({
    ...tags,
    versions: mapValues(versions, versionOf),
  });
  return {
    content_id: contentId,
    datatype: DATATYPE,
    format: FORMAT,
    license: 'none',
    updated: UPDATED,
    products: mapValues(products, productOf),
  };
}

/** The index of a site. */
export function indexDocument(content: SiteContent, isSigned: boolean): object {
  const entries = Object.entries(content).map(([contentId, products]) => [
    contentId,
    {
      datatype: DATATYPE,
      format: FORMAT,
      updated: UPDATED,
      path: `streams/v1/${contentId}.${isSigned ? 'sjson' : 'json'}`,
      products: Object.keys(products),
    },
  ]);
  return { format: 'index:1.0', updated: UPDATED, index: Object.fromEntries(entries) };
}

/** Writes a site. @param signer undefined: nothing is signed, so there are only `.json` files */
export function writeStreamSite(directory: string, content: SiteContent, signer: SiteSigner | undefined): void {
  const write = (path: string, bytes: string | Uint8Array): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  };
  const writeSigned = (name: string, document: object, clear = document): void => {
    const text = `${JSON.stringify(document, undefined, 1)}\n`;
    write(`streams/v1/${name}.json`, text);
    if (signer === undefined) return;
    const sign = (signed: string, form: 'clear' | 'detached'): Buffer =>
      signer.home.sign(signed, { key: signer.key, form });
    write(`streams/v1/${name}.json.gpg`, sign(text, 'detached'));
    write(`streams/v1/${name}.sjson`, sign(`${JSON.stringify(clear, undefined, 1)}\n`, 'clear'));
  };
  writeSigned('index', indexDocument(content, false), indexDocument(content, true));
  for (const [contentId, products] of Object.entries(content)) {
    writeSigned(contentId, productsDocument(contentId, products));
    for (const { versions } of Object.values(products))
      for (const { files } of Object.values(versions))
        for (const file of Object.values(files)) write(file.path, file.content);
  }
}

const mapValues = <T, U>(record: Readonly<Record<string, T>>, make: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value)]));

/** A small file that says what it is. */
const fileAt = (path: string, ftype: string, tags: SiteTags = {}): SiteFile => ({
  path,
  ftype,
  content: `${path}\n`,
  tags,
});

const SUBARCHES = 'generic,hwe-p,hwe-q,hwe-r,hwe-s,hwe-t,ga-22.04,ga-24.04';

function maasBoot(arch: string, subarch: string, flavour: string): SiteProduct {
  const version = (serial: string): SiteVersion => {
    const boot = `noble/${arch}/${serial}/${subarch}/${flavour}`;
    return {
      files: {
        'boot-initrd': fileAt(`${boot}/boot-initrd`, 'boot-initrd', { kpackage: 'linux-generic' }),
        'boot-kernel': fileAt(`${boot}/boot-kernel`, 'boot-kernel', { kpackage: 'linux-generic' }),
        ...(arch === 'arm64' ? { 'boot-dtb': fileAt(`${boot}/boot-dtb`, 'boot-dtb') } : {}),
        manifest: fileAt(`noble/${arch}/${serial}/squashfs.manifest`, 'squashfs.manifest'),
        squashfs: fileAt(`noble/${arch}/${serial}/squashfs`, 'squashfs'),
      },
    };
  };
  return {
    tags: {
      arch,
      os: 'ubuntu',
      release: 'noble',
      version: '24.04',
      label: 'stable',
      subarch,
      subarches: SUBARCHES,
      kflavor: flavour,
      krel: 'noble',
      release_codename: 'Noble Numbat',
      release_title: '24.04 LTS',
      support_eol: '2029-05-31',
      support_esm_eol: '2034-04-25',
    },
    versions: { '20260901': version('20260901'), '20261015.1': version('20261015.1'), '20261015': version('20261015') },
  };
}

/** The other types of root file systems and disks that MAAS has, one product each. */
const MAAS_TYPES = [
  'root-tgz',
  'root-tbz',
  'root-txz',
  'root-image.gz',
  'root-dd',
  'root-dd.tar',
  'root-dd.raw',
  'root-dd.bz2',
  'root-dd.gz',
  'root-dd.xz',
  'root-dd.tar.bz2',
  'root-dd.tar.xz',
  'root-ddtgz',
];

function maasRoot(ftype: string, release: string): SiteProduct {
  const path = `centos/${release}/amd64/20240501_01`;
  return {
    tags: {
      arch: 'amd64',
      os: 'centos',
      release,
      version: release.slice(6),
      label: 'stable',
      subarch: 'generic',
      subarches: 'generic',
      release_title: `CentOS ${release.slice(6)}`,
      support_eol: '2029-06-30',
    },
    versions: {
      '20240128_01': { files: { [ftype]: fileAt(`centos/${release}/amd64/20240128_01/${ftype}`, ftype) } },
      '20240501_01': {
        files: {
          manifest: fileAt(`${path}/${ftype}.manifest`, 'manifest'),
          [ftype]: fileAt(`${path}/${ftype}`, ftype),
        },
      },
    },
  };
}

function maasLoader(os: string, type: string, arch: string, packages: readonly string[], ftype: string): SiteProduct {
  const path = `bootloaders/${type}/${arch}/20221029.0`;
  const files = packages.map((name) => [
    name,
    fileAt(`${path}/${name}${ftype === 'bootloader' ? '' : '.tar.xz'}`, ftype, {
      src_package: name,
      src_release: 'focal',
    }),
  ]);
  return {
    tags: { os, arch, arches: arch, label: 'stable', 'bootloader-type': type },
    versions: { '20221029.0': { files: Object.fromEntries(files) } },
  };
}

function ubuntuCloud(release: string, version: string, aliases: string, arch: string): SiteProduct {
  // Here the label is a tag of the version.
  const versionOf = (serial: string): SiteVersion => {
    const path = `server/releases/${release}/release-${serial}/ubuntu-${version}-server-cloudimg-${arch}`;
    return {
      tags: { label: 'release', pubname: `ubuntu-${release}-${version}-${arch}-server-${serial}` },
      files: {
        'disk1.img': fileAt(`${path}.img`, 'disk1.img'),
        'disk-kvm.img': fileAt(`${path}-disk-kvm.img`, 'disk-kvm.img'),
        'uefi1.img': fileAt(`${path}-uefi1.img`, 'uefi1.img'),
        'lxd.tar.xz': fileAt(`${path}-lxd.tar.xz`, 'lxd.tar.xz'),
        manifest: fileAt(`${path}.manifest`, 'manifest'),
        'root.tar.xz': fileAt(`${path}-root.tar.xz`, 'root.tar.xz'),
        squashfs: fileAt(`${path}.squashfs`, 'squashfs'),
        'tar.gz': fileAt(`${path}.tar.gz`, 'tar.gz'),
        ova: fileAt(`${path}.ova`, 'ova'),
      },
    };
  };
  return {
    tags: {
      arch,
      os: 'ubuntu',
      release,
      version,
      aliases,
      release_codename: release,
      release_title: version,
      supported: true,
      support_eol: '2029-05-31',
    },
    versions: { '20260901': versionOf('20260901'), '20261015': versionOf('20261015') },
  };
}

/** A site with every content id, and every type of file, that MAAS and Ubuntu have. */
export const WHOLE_SITE: SiteContent = {
  'com.ubuntu.maas:stable:v3:download': Object.fromEntries(
    ['amd64', 'arm64'].flatMap((arch) =>
      [
        ['ga-24.04', 'generic'],
        ['ga-24.04-lowlatency', 'lowlatency'],
        ['hwe-24.04', 'generic'],
      ].map(([subarch = '', flavour = '']) => [
        `com.ubuntu.maas.stable:v3:boot:24.04:${arch}:${subarch}`,
        maasBoot(arch, subarch, flavour),
      ]),
    ),
  ),
  'com.ubuntu.maas:stable:centos-bases-download': Object.fromEntries(
    MAAS_TYPES.map((ftype, index) => [
      `com.ubuntu.maas.stable:centos-bases:${70 + index}:amd64`,
      maasRoot(ftype, `centos${70 + index}`),
    ]),
  ),
  'com.ubuntu.maas:stable:1:bootloader-download': {
    'com.ubuntu.maas.stable:1:grub-efi-signed:uefi:amd64': maasLoader(
      ...(['grub-efi-signed', 'uefi', 'amd64', ['grub2-signed', 'shim-signed'], 'archive.tar.xz'] as const),
    ),
    'com.ubuntu.maas.stable:1:grub-ieee1275:open-firmware:ppc64el': maasLoader(
      ...(['grub-ieee1275', 'open-firmware', 'ppc64el', ['grub2'], 'archive.tar.xz'] as const),
    ),
    'com.ubuntu.maas.stable:1:pxelinux:pxe:amd64': maasLoader(
      ...(['pxelinux', 'pxe', 'amd64', ['pxelinux.0'], 'bootloader'] as const),
    ),
  },
  'com.ubuntu.cloud:released:download': {
    'com.ubuntu.cloud:server:24.04:amd64': ubuntuCloud('noble', '24.04', '24.04,default,lts,n,noble', 'amd64'),
    'com.ubuntu.cloud:server:24.04:arm64': ubuntuCloud('noble', '24.04', '24.04,default,lts,n,noble', 'arm64'),
    'com.ubuntu.cloud:server:14.04:amd64': ubuntuCloud('trusty', '14.04', '14.04,t,trusty', 'amd64'),
  },
};
