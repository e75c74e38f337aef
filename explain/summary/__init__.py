"""The verdict on one text in words: which words decided, which methods agree, and which of them to believe.

What a method says of a word is the sum of its tokens' scores; special tokens are left out. The rules, whose numbers are named constants:

- A word is *deciding* for a method if its absolute score is at least `DECIDING` of the largest; it *hardly counts* if it has at most
  `MINOR` of the largest. Words whose scores differ by at most `TIE` of the largest are *alike*.
- Two methods *agree* if Kendall's tau-b of their word scores is at least `AGREE`; where one of them has no sign, absolute scores are
  compared. In a *group* every two methods agree. Groups are taken one after another, the largest first (of equal ones that with the
  highest mean tau). Methods that do not know the target are in none, and only compared with the first.
- A method is *better than chance* if its faithfulness is above `chance_level`, which `SELDOM` of the random orders exceed, *not clearly*
  so if it is above `LIKELY` of that, else *no better than chance*, and then it is not believed.
- The verdict *rests on* the most faithful of the methods that know the target; where no faithfulness is known, on the first group;
  where there is no group or two are equally large, on all of them. A word is named as deciding if all of these call it so.
- A *contradiction* is a word that one believed method calls deciding, while another gives it the opposite sign and at least `OPPOSED` of
  its own largest score. Such a word is never named as deciding: the verdict says who contradicts whom.
- Deciding words *turned* the answer if, without their score, it would be the other one of two. They *made* it if they have at least
  `MADE` of all that speaks for what the model predicts. Else they *spoke* for it or against it, or *counted* if the method has no sign.
"""

from explain.summary.claims import (
    Agreeing,
    Asked,
    Claims,
    Contradiction,
    Disputed,
    Effect,
    FaithfulMethod,
    Leader,
    NamedWord,
    Standing,
    Verdict,
    WordScore,
)
from explain.summary.summary import Summary, summarise

__all__ = [
    "Agreeing",
    "Asked",
    "Claims",
    "Contradiction",
    "Disputed",
    "Effect",
    "FaithfulMethod",
    "Leader",
    "NamedWord",
    "Standing",
    "Summary",
    "Verdict",
    "WordScore",
    "summarise",
]
