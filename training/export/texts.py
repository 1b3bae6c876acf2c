"""What the logits of an export are compared on where no texts are given: some 700 tokens of several kinds."""

TEXTS = (
    "A warranty is a promise by the maker of a thing that it will work for a stated time. Where it fails before "
    "then, the maker repairs it or gives another. The promise does not cover damage done by its owner.",
    "The first railway to carry passengers by steam opened in 1825. It ran for 25 miles, and its fastest train "
    "reached 15 miles an hour on the level. Within twenty years there were 2,000 miles of line.",
    "To make bread, mix 500 g of flour with 350 ml of water, a little salt and yeast. Knead it for ten minutes, "
    "let it rest for an hour, shape it, wait again, and bake it at 230 degrees until it sounds hollow.",
    "def mean(values):\n    if not values:\n        raise ValueError('none')\n    return sum(values) / len(values)\n",
    "Dear Ms Okafor, thank you for your letter of 3 March. We have looked into the delay of your parcel and "
    "found that it was sent to an earlier address. A new one left our store today and should reach you by "
    "Friday. With kind regards, the service desk.",
    "The heart has four chambers. Blood that has given up its oxygen enters the right atrium, passes to the "
    "right ventricle and is pumped to the lungs; it returns to the left atrium and leaves through the left "
    "ventricle, whose wall is the thickest because it has to drive the blood through the whole body.",
    "Question: How long may a guest stay?\nAnswer: A guest may stay for fourteen nights in any thirty days. "
    "Longer stays need the written consent of the landlord, who may not refuse it without a reason.\n",
    "She shut the door behind her and stood for a while in the dark hall, listening. Nothing moved. Then, from "
    "the far end of the passage, came the sound she had been afraid of: somebody was turning a key, slowly, as "
    "if not to wake the house.",
    "| year | sales | profit |\n|---|---:|---:|\n| 2021 | 1,204 | 88 |\n| 2022 | 1,377 | 103 |\n| 2023 | 1,352 | "
    "97 |\n\nSales fell by 1.8 % in 2023, and profit by 5.8 %, for the first time in six years.",
    "Water boils at a lower temperature on a mountain because the air presses less on its surface. At a height "
    "of 3,000 metres it boils at about 90 degrees Celsius, so that potatoes take longer to cook although the pot "
    "bubbles sooner.",
    "1. Switch the machine off and pull out the plug.\n2. Take off the lid; two screws hold it.\n3. Lift the "
    "filter and rinse it under the tap.\n4. Put everything back in reverse order.\n5. Let it run once without "
    "anything in it.\n",
    "The council voted on Tuesday by nine to four to close the bridge to lorries from June. Its engineer had "
    "warned that the northern pier had sunk by eleven millimetres since the winter. Shopkeepers on the east bank "
    "fear for their deliveries; the mayor promised that a ferry would run twice a day.",
)
