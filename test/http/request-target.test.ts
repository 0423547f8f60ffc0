import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRegionPath, parseTarget, TARGET_CHARACTERS_MAX, type TargetFault } from '../../src/http/request-target.ts';

const paths: readonly { name: string; target: string; path: string; origin?: string }[] = [
  { name: 'a path stays unchanged', target: '/grub/grub.cfg', path: '/grub/grub.cfg' },
  { name: 'shim’s two slashes are not a host', target: '//grubx64.efi', path: '//grubx64.efi' },
  { name: 'escapes are decoded', target: '/a%20b/%c3%a9', path: '/a b/é' },
  { name: 'escapes are decoded once', target: '/%252e%252e', path: '/%2e%2e' },
  { name: 'an escaped slash is a slash: the resolver judges', target: '/..%2f..%2fetc', path: '/../../etc' },
  { name: 'an escaped zero byte is decoded: the resolver judges', target: '/a%00b', path: '/a\0b' },
  { name: 'dots are not resolved', target: '/a/../b/./c', path: '/a/../b/./c' },
  { name: 'a plus is a plus', target: '/a+b', path: '/a+b' },
  { name: 'a query is cut off and passed on', target: '/loader/?USB', path: '/loader/' },
  {
    name: 'the colons of a hardware address stay',
    target: '/ipxe.cfg-52:54:00:12:34:56',
    path: '/ipxe.cfg-52:54:00:12:34:56',
  },
  { name: 'absolute form contains its path', target: 'http://10.0.0.1:5248/a/b?c', path: '/a/b', origin: '/a/b?c' },
  { name: 'absolute form without a path is the root', target: 'HTTP://rack', path: '/', origin: '/' },
  { name: 'absolute form with a query only', target: 'http://rack?x', path: '/', origin: '/?x' },
];
for (const { name, target, path, origin } of paths) {
  test(name, () => assert.deepEqual(parseTarget(target), { ok: true, path, origin: origin ?? target }));
}

const faults: readonly { name: string; target: string; fault: TargetFault }[] = [
  { name: 'an escape cut short is refused', target: '/a%2', fault: 'target-escape' },
  { name: 'an escape that is not hexadecimal is refused', target: '/%zz', fault: 'target-escape' },
  { name: 'bytes that are not UTF-8 are refused', target: '/%ff', fault: 'target-escape' },
  { name: 'an overlong slash is refused', target: '/%c0%af', fault: 'target-escape' },
  { name: 'an asterisk is not a path', target: '*', fault: 'target-form' },
  { name: 'an authority is not a path', target: 'example.com:443', fault: 'target-form' },
  { name: 'another scheme is not a path', target: 'file:///etc/passwd', fault: 'target-form' },
  { name: 'an empty target is not a path', target: '', fault: 'target-form' },
  {
    name: 'a target beyond the bound is refused',
    target: `/${'a'.repeat(TARGET_CHARACTERS_MAX)}`,
    fault: 'target-too-long',
  },
];
for (const { name, target, fault } of faults) {
  test(name, () => assert.deepEqual(parseTarget(target), { ok: false, fault }));
}

test('the region owns /MAAS and everything below it, nothing else', () => {
  for (const own of ['/MAAS', '/MAAS/', '/MAAS/api/2.0/machines/', '/MAAS?x']) assert.ok(isRegionPath(own), own);
  for (const other of ['/MAASX', '/maas/', '//MAAS/', '/', '/images/MAAS/']) assert.ok(!isRegionPath(other), other);
});
