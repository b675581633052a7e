class Tinamou < Formula
  desc "Machine emulator for riscv64"
  homepage "@HOMEPAGE@"
  url "@URL@"
  sha256 "@SHA256@"
  license "MIT"

  depends_on "meson" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => :build
  depends_on "dtc"
  depends_on "glib"
  depends_on "gnutls"
  depends_on "jansson"
  depends_on "libslirp"
  depends_on "libvterm"
  depends_on "pixman"
  depends_on "sdl2"
  depends_on "zstd"

  uses_from_macos "zlib"

  def install
    system "meson", "setup", "build", "-Dwerror=false", *std_meson_args
    system "meson", "compile", "-C", "build", "--verbose"
    system "meson", "install", "-C", "build"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/tinamou --version")
    system bin/"tinamou", "demo", "--headless"
  end
end
