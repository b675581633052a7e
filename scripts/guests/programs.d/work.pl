# Work for perl: hashes, regular expressions, sorting, numbers.
use strict;
use warnings;

my ($state, %count, @words) = (12345);
for (1 .. 30000) {
    $state = ($state * 1103515245 + 12345) & 0x7fffffff;
    push @words, sprintf "w%x", $state % 997;
    $count{$words[-1]}++;
}
my $text = join ' ', @words;
my $found = () = $text =~ /\bw[0-9a-f]*7\b/g;
(my $changed = $text) =~ s/(\w)(\w+)/$2$1/g;
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $sum = 0;
$sum += ($_ * 7919) % 101 for 1 .. 100000;
print "$sorted[0] $found $sum ", length $changed, "\n";
