// Further sizes and options of the qcow2 images that QEMU's own programs write; test/images/qcow2.test.ts has each form once.
// @host waits, 30 s
// @disk

import { describe } from 'node:test';
import { QemuImages } from '../images/qemu-images.ts';
import { missing } from '../support/needs.ts';

describe("further images of QEMU's own programs", { skip: missing('linux', 'qemu-img') }, () => {
  const images = new QemuImages();
  for (const options of [
    ['-o', 'cluster_size=4k'],
    ['-c', '-o', 'cluster_size=4k'],
    ['-c', '-o', 'compression_type=zstd,cluster_size=4k'],
    ['-o', 'extended_l2=on,cluster_size=64k'],
    ['-c', '-o', 'extended_l2=on,cluster_size=64k'],
    ...[2, 4, 8, 16, 32].map((bits) => ['-o', `refcount_bits=${bits}`]),
    ...['falloc', 'full'].map((kind) => ['-o', `preallocation=${kind}`]),
  ])
    images.testConverted(options);
  for (const options of ['extended_l2=on', 'preallocation=metadata', 'preallocation=falloc,cluster_size=4k'])
    images.testWritten(options);
});
