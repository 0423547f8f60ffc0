// A release with two kernels and one root, as images.maas.io has it: ubuntu/noble for amd64 with the kernels ga-24.04 and hwe-24.04, which
// share their squashfs.

import { makeSquashfs } from '../images/disks.ts';
import type { SiteContent, SiteFile, SiteProduct } from './stream-site.ts';

/** The site's names of the kernels. */
export const KERNELS = ['ga-24.04', 'hwe-24.04'] as const;
export type Kernel = (typeof KERNELS)[number];

const CONTENT_ID = 'com.ubuntu.maas:stable:v3:download';
const SERIAL = '20261101';
/** The content of the root, which is that of all serials. */
const ROOT = makeSquashfs('noble');

/** The content of a kernel or an initrd. */
export const startFile = (kernel: Kernel, name: 'boot-kernel' | 'boot-initrd', serial = SERIAL): string =>
  `${name} of ${kernel} of ${serial}`;

/** @param serials those of each product @param kernels those that the site has */
export function twoKernels(
  serials: string | readonly string[] = SERIAL,
  kernels: readonly Kernel[] = KERNELS,
): SiteContent {
  const products = kernels.map((subarch): [string, SiteProduct] => {
    const file = (ftype: string, path: string, content: string | Uint8Array): [string, SiteFile] => [
      ftype,
      { ftype, path, content },
    ];
    const versions = [serials].flat().map((serial) => {
      const boot = `noble/amd64/${serial}/${subarch}/generic`;
      const files = Object.fromEntries([
        file('boot-kernel', `${boot}/boot-kernel`, startFile(subarch, 'boot-kernel', serial)),
        file('boot-initrd', `${boot}/boot-initrd`, startFile(subarch, 'boot-initrd', serial)),
        file('squashfs', `noble/amd64/${serial}/squashfs`, ROOT),
      ]);
      return [serial, { files }] as const;
    });
    const tags = { arch: 'amd64', os: 'ubuntu', release: 'noble', version: '24.04', label: 'stable', subarch };
    const more = { subarches: `generic,${subarch}`, kflavor: 'generic', release_title: '24.04 LTS' };
    return [
      `com.ubuntu.maas.stable:v3:boot:24.04:amd64:${subarch}`,
      { tags: { ...tags, ...more }, versions: Object.fromEntries(versions) },
    ];
  });
  return { [CONTENT_ID]: Object.fromEntries(products) };
}
